"""Paints what a face wears onto a picture of any size, with OpenCV and numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from masking.errors import NoFace
from masking.landmarks import Float32, Image, Landmarks
from masking.mask_frames import Looks, frame_of, lifted, strap_depth
from masking.mask_geometry import (
    HeadPose,
    SkinSpline,
    ears_on_skin,
    grid_places,
    head_pose,
    rigid_map,
    skin_map,
    skin_spline,
)
from masking.mask_light import PhotoLook, look_of, sample_places
from masking.mask_painting import SHADOW_REACH, paint
from masking.mask_parameters import PARTS, RIGID, Parameters, parameters
from masking.mask_spec import MaskSpec
from masking.paint_arrays import NumpyArrays

__all__ = ["PARTS", "MaskedSample", "photo_look", "render"]

_NUMPY = NumpyArrays()
# How far things reach beyond the landmarks, face squares.
_USUAL_REACH, _FAR_REACH = 0.45, 1.1
# Below it what stands off the skin is not moved.
_LEAST_LEAN = 0.03


@dataclass(frozen=True, eq=False)
class MaskedSample:
    """A picture with things painted on it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 in [0, 1], share of what is worn in each pixel.
        parts: (H, W) uint8, index in PARTS of what most of each pixel shows.
        specs: what is worn, in the order of painting.
    """

    pixels: Image
    alpha: Float32
    parts: Image
    specs: tuple[MaskSpec, ...]


@dataclass(frozen=True, eq=False)
class _Face:
    """One face: its landmarks (1, 68, 2) px and what follows from them."""

    points: Float32
    pose: HeadPose
    spline: SkinSpline
    looks: Looks

    @property
    def px_per_unit(self) -> float:
        return float(self.pose.px_per_unit[0])


@dataclass(frozen=True, eq=False)
class _Grid:
    """Places of a picture, evenly spaced, in canonical coordinates (1, R, C)."""

    columns: Float32
    rows: Float32
    x: Float32
    y: Float32


def render(
    pixels: Image,
    landmarks: Landmarks,
    specs: Sequence[MaskSpec],
    look: PhotoLook | None = None,
) -> MaskedSample:
    """Paint what a face wears, one spec over the other.

    Args:
        pixels: (H, W, 3) uint8 RGB photograph or chip; left as it is.
        landmarks: of the bare face, in px of `pixels`.
        look: light of the photograph, where it was measured before.

    Returns:
        The masked picture; the same input gives the same bytes.

    Raises:
        NoFace: the landmarks lie outside of the picture.
    """
    points = landmarks.points[None]
    pose = head_pose(_NUMPY, points)
    look = look or _measured(pixels, landmarks, pose)
    sample = MaskedSample(
        pixels.copy(),
        np.zeros(pixels.shape[:2], np.float32),
        np.zeros(pixels.shape[:2], np.uint8),
        tuple(specs),
    )
    spline = skin_spline(_NUMPY, points)
    face = _Face(points, pose, spline, looks_of([look], spline, pose))
    for spec in specs:
        _add(sample, spec, face)
    return sample


def photo_look(pixels: Image, landmarks: Landmarks) -> PhotoLook:
    """Light, sharpness and grain of a photograph, to be kept with its landmarks."""
    return _measured(pixels, landmarks, head_pose(_NUMPY, landmarks.points[None]))


def _measured(pixels: Image, landmarks: Landmarks, pose: HeadPose) -> PhotoLook:
    columns, rows = sample_places(pixels, landmarks, float(pose.px_per_unit[0]))
    x, y = rigid_map(_NUMPY, pose, columns[None], rows[None])
    return look_of(pixels, landmarks, (x[0], y[0]), pose)


def looks_of(looks: Sequence[PhotoLook], spline: SkinSpline, pose: HeadPose) -> Looks:
    """Several looks as arrays; an ear behind the head is not seen."""
    return Looks(
        np.stack([look.shading for look in looks]),
        np.stack([look.light for look in looks]),
        np.stack([look.skin for look in looks]),
        np.array([look.saturation for look in looks], np.float32),
        np.array([look.blur for look in looks], np.float32),
        np.array([look.grain for look in looks], np.float32),
        ears_on_skin(_NUMPY, spline, pose),
        np.stack([look.ears for look in looks]) * pose.ears_seen,
    )


def _add(sample: MaskedSample, spec: MaskSpec, face: _Face) -> None:
    mask = parameters(_NUMPY, [spec])
    grid = _grid(sample.pixels, spec, face)
    if np.abs(face.pose.lean).max() > _LEAST_LEAN:
        x, y = lifted(_NUMPY, mask, grid.x, grid.y, face.pose.lean)
        grid = _Grid(grid.columns, grid.rows, x, y)
    box = _touched(grid, mask, face)
    if box is None:
        return
    rows, columns = box
    at = _spread(grid.x, grid, box), _spread(grid.y, grid, box)
    window = sample.pixels[rows, columns]
    corner = (columns.start, rows.start)
    size = face.pose.px_per_unit
    painted = paint(_NUMPY, mask, face.looks, window[None], at, size, corner)
    srgb = np.clip(painted.srgb[0] + 0.5, 0, 255).astype(np.uint8)
    window[...] = np.where(painted.changed[0][..., None], srgb, window)
    matte, parts = painted.matte[0], painted.parts[0].astype(np.uint8)
    before = sample.alpha[rows, columns]
    sample.alpha[rows, columns] = 1 - (1 - before) * (1 - matte)
    sample.parts[rows, columns] = np.where(parts, parts, sample.parts[rows, columns])


def _grid(pixels: Image, spec: MaskSpec, face: _Face) -> _Grid:
    """Canonical places of the part of a picture that a spec may touch."""
    height_px, width_px = pixels.shape[:2]
    reach = (_FAR_REACH if spec.kind in RIGID else _USUAL_REACH) * face.px_per_unit
    low = np.floor(face.points[0].min(axis=0) - reach)
    high = np.ceil(face.points[0].max(axis=0) + reach)
    left, top = (int(value) for value in np.maximum(low, 0))
    right, bottom = (int(v) for v in np.minimum(high, [width_px - 1, height_px - 1]))
    if right - left < 2 or bottom - top < 2:
        raise NoFace("the landmarks lie outside of the picture: no mask to paint.")
    columns, rows = grid_places(left, right), grid_places(top, bottom)
    if spec.kind in RIGID:
        x, y = rigid_map(_NUMPY, face.pose, columns[None], rows[None])
    else:
        x, y = skin_map(_NUMPY, face.spline, columns[None], rows[None])
    return _Grid(columns, rows, x.astype(np.float32), y.astype(np.float32))


def _touched(grid: _Grid, mask: Parameters, face: _Face) -> tuple[slice, slice] | None:
    """Rows and columns of the picture that mask, straps, shadow and blur reach."""
    depth = frame_of(_NUMPY, mask, grid.x, grid.y).depth
    if mask.segments.shape[1]:
        straps = strap_depth(_NUMPY, mask, grid.x, grid.y, face.looks)
        depth = np.maximum(depth, straps)
    step = float(max(np.diff(grid.columns).max(), np.diff(grid.rows).max()))
    margin = SHADOW_REACH + 4 * float(face.looks.blur[0]) + step / face.px_per_unit
    reached = depth[0] > -margin
    rows, columns = np.flatnonzero(reached.any(1)), np.flatnonzero(reached.any(0))
    if len(rows) == 0:
        return None
    return _between(grid.rows, rows), _between(grid.columns, columns)


def _between(places: Float32, reached: np.ndarray) -> slice:
    """Whole px from the place before the first that is reached to that after it."""
    first = places[max(reached[0] - 1, 0)]
    last = places[min(reached[-1] + 1, len(places) - 1)]
    return slice(int(np.floor(first)), max(int(last), int(first) + 2) + 1)


def _spread(coarse: Float32, grid: _Grid, box: tuple[slice, slice]) -> Float32:
    """(1, h, w) bilinear values of the grid at the pixels of a box."""
    across, down = (
        np.interp(
            np.arange(part.start, part.stop), places, np.arange(len(places))
        ).astype(np.float32)
        for part, places in ((box[1], grid.columns), (box[0], grid.rows))
    )
    map_x, map_y = np.meshgrid(across, down)
    found = cv2.remap(coarse[0], map_x, map_y, cv2.INTER_LINEAR)
    return np.asarray(found, dtype=np.float32)[None]
