"""Carries the canonical mask surface onto the landmarks of a face.

A mask is drawn in the coordinates of `canonical_face`. For every pixel of the
photograph a thin-plate spline says where on the canonical face it lies, so that
shapes are evaluated per pixel, at any size, turn and crop, without resampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.alignment import similarity
from masking.canonical_face import CANONICAL_FACE
from masking.landmarks import Float32, Landmarks

# Points that a mask rests on or that fix the pose. The mouth is left out: an
# open mouth does not stretch a mask.
_ANCHORS = np.r_[0:17, 27:36, 36, 39, 42, 45]
# Smoothing of the spline: landmarks are off by a few per cent of the face.
_STIFFNESS = 0.005
_GRID_PX = 6


@dataclass(frozen=True, eq=False)
class FaceMap:
    """A window of the photograph and where its pixels lie on the canonical face.

    Attributes:
        left, top: corner of the window in photo px; the window is within it.
        x, y: (h, w) float32 canonical coordinates of the window's pixels.
        px_per_unit: length of the face square's side in photo px.
    """

    left: int
    top: int
    x: Float32
    y: Float32
    px_per_unit: float


def map_face(landmarks: Landmarks, height_px: int, width_px: int) -> FaceMap | None:
    """Canonical coordinates of the part of a photograph that a mask may touch.

    Returns:
        None when the face lies outside of the photograph.

    Source: Bookstein, "Principal warps", PAMI 1989; the smoothing is Wahba's.
    """
    points = landmarks.points
    upright = similarity(points[_ANCHORS], CANONICAL_FACE[_ANCHORS])
    px_per_unit = 1.0 / float(np.hypot(upright[0, 0], upright[1, 0]))
    low = np.floor(points.min(axis=0) - 0.35 * px_per_unit)
    high = np.ceil(points.max(axis=0) + 0.55 * px_per_unit)
    left, top = (int(value) for value in np.maximum(low, 0))
    right, bottom = (int(v) for v in np.minimum(high, [width_px - 1, height_px - 1]))
    if right - left < 2 or bottom - top < 2:
        return None
    columns = np.linspace(left, right, max(3, (right - left) // _GRID_PX))
    rows = np.linspace(top, bottom, max(3, (bottom - top) // _GRID_PX))
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    coarse = _thin_plate(points[_ANCHORS], CANONICAL_FACE[_ANCHORS], grid)
    coarse = coarse.reshape(len(rows), len(columns), 2)
    x, y = (
        _spread(coarse[..., axis], right - left + 1, bottom - top + 1)
        for axis in (0, 1)
    )
    return FaceMap(left, top, x, y, px_per_unit)


def _thin_plate(source: Float32, target: Float32, at: NDArray[np.float64]) -> Float32:
    """Smoothed thin-plate spline from (K, 2) onto (K, 2) points, at (M, 2)."""
    middle, scale = source.mean(axis=0), float(source.std()) + 1e-9
    knots, where = (source - middle) / scale, (at - middle) / scale
    count = len(knots)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(knots, knots) + _STIFFNESS * np.eye(count)
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = knots
    system[count + 1 :, :count] = knots.T
    wanted = np.zeros((count + 3, 2))
    wanted[:count] = target
    weights = np.linalg.solve(system, wanted)
    flat = weights[count] + where @ weights[count + 1 :]
    return np.asarray(flat + _kernel(where, knots) @ weights[:count], dtype=np.float32)


def _kernel(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return np.asarray(squared * np.log(squared + 1e-12))


def _spread(coarse: Float32, width_px: int, height_px: int) -> Float32:
    """Bilinear values of a grid whose corners are the window's corner pixels."""
    rows, columns = coarse.shape
    across = np.linspace(0, columns - 1, width_px, dtype=np.float32)
    down = np.linspace(0, rows - 1, height_px, dtype=np.float32)
    map_x, map_y = np.meshgrid(across, down)
    return np.asarray(
        cv2.remap(coarse, map_x, map_y, cv2.INTER_LINEAR), dtype=np.float32
    )
