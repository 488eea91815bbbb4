"""Smooth warps that carry a picture from one set of points to another."""

from __future__ import annotations

import cv2
import numpy as np

from masking.landmarks import Float32, Image

# Landmarks are only good to about a pixel: bending for less adds folds.
STIFFNESS = 60.0


def frame_points(side_px: int) -> Float32:
    """(20, 2) points on the border of a picture; they hold it still."""
    low, high = -12.0, side_px + 11.0
    steps = np.linspace(low, high, 6)
    edge = [(x, y) for x in steps for y in (low, high)]
    edge += [(x, y) for y in steps[1:-1] for x in (low, high)]
    return np.array(edge, dtype=np.float32)


class ThinPlate:
    """Thin-plate spline of one set of control points, for any targets.

    Source: Bookstein, "Principal warps", PAMI 1989; stiffness as in Wahba's
    smoothing splines.
    """

    def __init__(self, controls: Float32, side_px: int):
        """`controls`: (K, 2) px in a square picture of `side_px`."""
        # A weight is linear in the targets, so the map of every pixel is one
        # matrix times the targets: computed once, used for every picture.
        count = len(controls)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _kernel(controls, controls)
        system[:count, :count] += STIFFNESS * np.eye(count)
        system[:count, count:] = _affine(controls)
        system[count:, :count] = _affine(controls).T
        solve = np.linalg.inv(system)[:, :count].astype(np.float32)
        # The map is smooth: every second pixel is enough, the rest between them.
        middles = np.arange(0, side_px, 2, dtype=np.float32) + 0.5
        columns, rows = np.meshgrid(middles, middles)
        grid = np.stack([columns.ravel(), rows.ravel()], axis=1)
        basis = np.hstack([_kernel(grid, controls), _affine(grid)])
        self._map: Float32 = basis.astype(np.float32) @ solve
        self._side_px, self._map_px = side_px, len(middles)

    def pull(self, image: Float32 | Image, targets: Float32) -> Float32:
        """Picture whose pixel at a control shows `image` at the (K, 2) target."""
        coarse = (self._map @ targets).reshape(self._map_px, self._map_px, 2)
        where = cv2.resize(coarse, (self._side_px, self._side_px))
        pulled = cv2.remap(
            image,
            np.ascontiguousarray(where, dtype=np.float32),
            np.empty(0),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(pulled, dtype=np.float32)


def _kernel(points: Float32, controls: Float32) -> Float32:
    squared = ((points[:, None, :] - controls[None]) ** 2).sum(axis=2)
    return np.asarray(squared * np.log(squared + 1e-6), dtype=np.float32)


def _affine(points: Float32) -> Float32:
    return np.hstack([points, np.ones((len(points), 1))]).astype(np.float32)
