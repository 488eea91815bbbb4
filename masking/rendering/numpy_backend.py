"""The few steps of rendering that numpy and torch do differently.

The formulas of a mask are written once, for arrays that numpy and torch share (the
Python array API standard). Looking up in tables and blurring are not part of that
standard: here they are with OpenCV for files, in `torch_backend` with torch and kornia
for batches on a training device. Arrays are (N, h, w), float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from masking.masks.colours import LINEAR, SRGB
from masking.masks.surface import (
    STEP,
    SURFACES,
    U_REACH,
    V_REACH,
    surface,
)

Integers = NDArray[np.integer]
# Below it a blur is not seen.
LEAST_BLUR_PX = 0.4


class Arrays(Protocol):
    """What rendering needs besides the array API; `xp` is its namespace."""

    xp: Any

    def array(self, values: Any) -> Any:
        """Numbers as a float32 array of this kind, on its device."""

    def interpolated(self, tables: Sequence[Any], place: Any) -> list[Any]:
        """Each of the (N, K) tables at (N, h, w) places in [0, K - 1], linearly."""

    def surfaces(self, names: Sequence[int], u: Any, v: Any) -> Any:
        """(N, 4, h, w) looks of SURFACES[names[i]], see `mask_surface.Surface`."""

    def rises(self, names: Sequence[int], u: Any, v: Any) -> Any:
        """(N, h, w) heights above the skin of SURFACES[names[i]]."""

    def tiles(self, tiles: Sequence[Float32], x: Any, y: Any) -> Any:
        """(N, C, h, w) values of N tiles (P + 1, P + 1, C), x and y in tiles.

        The last row and column repeat the first: see `mask_tiles.closed`.
        """

    def cut(self, tile: Float32, rows: Integers, columns: Integers) -> Any:
        """(N, C, h, w) of a tile (P, P, C) at (N, h) rows and (N, w) columns of it."""

    def spread(self, maps: Sequence[Any], rows: Float32, columns: Float32) -> list[Any]:
        """Two (N, R, C) maps at (h,) rows and (w,) columns, in nodes, linearly."""

    def numpy(self, values: Any) -> NDArray[Any]:
        """Values on the CPU."""

    def packed(self, values: Any) -> Any:
        """The same values, one after the other in memory where that is quicker."""

    def put(self, pictures: Any, colours: Any, where: Any) -> None:
        """Write uint8 colours (N, 3, h, w) where (N, h, w) says so."""

    def blurred(self, layers: Any, sigma_px: Any) -> Any:
        """(N, C, h, w), each of the N with its own (N,) Gaussian."""

    def linear(self, srgb: Any) -> Any:
        """uint8 sRGB to float32 linear light in 0..1."""

    def srgb(self, linear: Any) -> Any:
        """Linear light to float32 sRGB in 0..255; values outside are clipped."""


def _clip(values: Any, low: float, high: float) -> Any:
    """As np.clip, of which a face takes 33, in half of its time."""
    return np.minimum(np.maximum(values, low), high)


_NUMPY = SimpleNamespace(**(vars(np) | {"clip": _clip}))


class NumpyArrays:
    """With OpenCV: layouts of N pictures, but colours of one at a time (N = 1)."""

    xp: Any = _NUMPY

    def array(self, values: Any) -> Float32:
        """See Arrays."""
        return np.asarray(values, dtype=np.float32)

    def interpolated(self, tables: Sequence[Float32], place: Float32) -> list[Float32]:
        """See Arrays."""
        count, length = tables[0].shape
        low = place.astype(np.int32)
        np.minimum(low, length - 2, out=low)
        part = place - low.astype(np.float32)
        if count > 1:
            low += length * np.arange(count, dtype=np.int32)[:, None, None]
        found = []
        for table in tables:
            flat = table.ravel()
            values = (flat[1:] - flat[:-1]).take(low)
            values *= part
            values += flat.take(low)
            found.append(values)
        return found

    def surfaces(self, names: Sequence[int], u: Float32, v: Float32) -> Float32:
        """See Arrays."""
        column, row = surface_place(u[0], v[0])
        found = _remapped(surface(SURFACES[names[0]]).looks, column, row)
        return _planes(found)

    def rises(self, names: Sequence[int], u: Float32, v: Float32) -> Float32:
        """See Arrays."""
        places = zip(names, *surface_place(u, v), strict=True)
        return np.stack(
            [_remapped(surface(SURFACES[name]).rise, *at) for name, *at in places]
        )

    def tiles(self, tiles: Sequence[Float32], x: Float32, y: Float32) -> Float32:
        """See Arrays."""
        side = np.float32(tiles[0].shape[0] - 1)
        column, row = (x[0] - np.floor(x[0])) * side, (y[0] - np.floor(y[0])) * side
        found = _remapped(tiles[0], column, row)
        return _planes(found) if found.ndim == 3 else found[None, None]

    def cut(self, tile: Float32, rows: Integers, columns: Integers) -> Float32:
        """See Arrays."""
        # Rows and then columns: four times as fast as both at once.
        return _planes(tile.take(rows[0], axis=0).take(columns[0], axis=1))

    def spread(
        self, maps: Sequence[Float32], rows: Float32, columns: Float32
    ) -> list[Float32]:
        """See Arrays."""
        across = np.repeat(columns[None], len(rows), axis=0)
        down = np.repeat(rows[:, None], len(columns), axis=1)
        found = np.empty((2, len(maps[0]), len(rows), len(columns)), np.float32)
        # Both at once: what a place is made of is the same.
        for number, pair in enumerate(zip(*maps, strict=True)):
            cv2.split(_remapped(cv2.merge(pair), across, down), list(found[:, number]))
        return [*found]

    def numpy(self, values: NDArray[Any]) -> NDArray[Any]:
        """See Arrays."""
        return values

    def packed(self, values: NDArray[Any]) -> NDArray[Any]:
        """See Arrays: of a photograph, colours lie between each other."""
        return np.ascontiguousarray(values)

    def put(
        self,
        pictures: NDArray[np.uint8],
        colours: NDArray[np.uint8],
        where: NDArray[np.bool_],
    ) -> None:
        """See Arrays: a tenth of the time of numpy's where."""
        photo, mask = pictures[0].transpose(1, 2, 0), where[0].view(np.uint8)
        whole = np.ascontiguousarray(photo)
        photo[...] = cv2.copyTo(cv2.merge([*colours[0]]), mask, whole)

    def blurred(self, layers: Float32, sigma_px: Float32) -> Float32:
        """See Arrays."""
        sigma = float(sigma_px[0])
        if sigma < LEAST_BLUR_PX:
            return layers
        side = 2 * int(np.ceil(2.5 * sigma)) + 1
        soft = np.empty_like(layers)
        for plane, blurred in zip(layers[0], soft[0], strict=True):
            cv2.GaussianBlur(
                plane,
                (side, side),
                sigma,
                dst=blurred,
                borderType=cv2.BORDER_REPLICATE,
            )
        return soft

    def linear(self, srgb: NDArray[np.uint8]) -> Float32:
        """See Arrays."""
        # Twice as fast as numpy's.
        rows = srgb.reshape(-1, srgb.shape[-1])
        return np.asarray(cv2.LUT(rows, LINEAR), np.float32).reshape(srgb.shape)

    def srgb(self, linear: Float32) -> Float32:
        """See Arrays."""
        index = np.minimum(linear, np.float32(1))
        index *= np.float32(len(SRGB) - 1)
        np.maximum(index, np.float32(0), out=index)
        return np.asarray(np.take(SRGB, index.astype(np.uint16)), dtype=np.float32)


def surface_place(u: Any, v: Any) -> tuple[Any, Any]:
    """Column and row of a surface's table at (u, v)."""
    return (u + U_REACH) / STEP, (v + V_REACH) / STEP


def _planes(picture: Float32) -> Float32:
    """(h, w, C) as (1, C, h, w)."""
    height, width, channels = picture.shape
    planes = np.empty((channels, height, width), dtype=np.float32)
    cv2.split(picture, list(planes))
    return planes[None]


def _remapped(table: Float32, column: Float32, row: Float32) -> Float32:
    found = cv2.remap(
        table, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found, dtype=np.float32)
