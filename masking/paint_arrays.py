"""The few steps of painting that numpy and torch do differently.

The formulas of a mask are written once, for arrays that numpy and torch share (the
Python array API standard). Looking up in tables and blurring are not part of that
standard: here they are, once with OpenCV for files and once with torch and kornia
for batches on a training device. Arrays are (N, h, w), float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from masking.mask_light import LINEAR, SRGB
from masking.mask_surface import (
    COLUMNS,
    ROWS,
    STEP,
    SURFACES,
    U_REACH,
    V_REACH,
    surface,
)

# Below it a blur is not seen.
LEAST_BLUR_PX = 0.4


class Arrays(Protocol):
    """What painting needs besides the array API; `xp` is its namespace."""

    xp: Any

    def array(self, values: Any) -> Any:
        """Numbers as a float32 array of this kind, on its device."""

    def interpolated(self, tables: Any, place: Any) -> Any:
        """(N, K) tables at (N, h, w) places in [0, K - 1], linearly."""

    def surfaces(self, names: Sequence[int], u: Any, v: Any) -> Any:
        """(N, h, w, 4) looks of SURFACES[names[i]], see `mask_surface.Surface`."""

    def rises(self, names: Sequence[int], u: Any, v: Any) -> Any:
        """(N, h, w) heights above the skin of SURFACES[names[i]]."""

    def tiles(self, tiles: Sequence[Float32], x: Any, y: Any) -> Any:
        """(N, h, w, C) values of N tiles (P + 1, P + 1, C), x and y in tiles.

        The last row and column repeat the first: see `mask_tiles.closed`.
        """

    def spread(self, maps: Any, rows: Float32, columns: Float32) -> Any:
        """(N, R, C) maps at (h,) rows and (w,) columns, in nodes, linearly."""

    def numpy(self, values: Any) -> NDArray[Any]:
        """Values on the CPU."""

    def blurred(self, layers: Any, sigma_px: Any) -> Any:
        """(N, h, w, C), each of the N with its own (N,) Gaussian."""

    def linear(self, srgb: Any) -> Any:
        """uint8 sRGB to float32 linear light in 0..1."""

    def srgb(self, linear: Any) -> Any:
        """Linear light to float32 sRGB in 0..255; values outside are clipped."""


class NumpyArrays:
    """One picture at a time (N = 1), with OpenCV."""

    xp: Any = np

    def array(self, values: Any) -> Float32:
        """See Arrays."""
        return np.asarray(values, dtype=np.float32)

    def interpolated(self, tables: Float32, place: Float32) -> Float32:
        """See Arrays."""
        low = place.astype(np.int32)
        np.minimum(low, tables.shape[1] - 2, out=low)
        part = place - low.astype(np.float32)
        steps = np.diff(tables[0])
        return np.asarray(np.take(tables[0], low) + np.take(steps, low) * part)

    def surfaces(self, names: Sequence[int], u: Float32, v: Float32) -> Float32:
        """See Arrays."""
        column, row = surface_place(u[0], v[0])
        return _remapped(surface(SURFACES[names[0]]).looks, column, row)[None]

    def rises(self, names: Sequence[int], u: Float32, v: Float32) -> Float32:
        """See Arrays."""
        column, row = surface_place(u[0], v[0])
        return _remapped(surface(SURFACES[names[0]]).rise, column, row)[None]

    def tiles(self, tiles: Sequence[Float32], x: Float32, y: Float32) -> Float32:
        """See Arrays."""
        side = np.float32(tiles[0].shape[0] - 1)
        column, row = (x[0] - np.floor(x[0])) * side, (y[0] - np.floor(y[0])) * side
        found = _remapped(tiles[0], column, row)
        return found.reshape(*x.shape, -1)

    def spread(self, maps: Float32, rows: Float32, columns: Float32) -> Float32:
        """See Arrays."""
        across = np.broadcast_to(columns[None], (len(rows), len(columns)))
        down = np.broadcast_to(rows[:, None], across.shape)
        return _remapped(maps[0], np.ascontiguousarray(across), down.copy())[None]

    def numpy(self, values: NDArray[Any]) -> NDArray[Any]:
        """See Arrays."""
        return values

    def blurred(self, layers: Float32, sigma_px: Float32) -> Float32:
        """See Arrays."""
        sigma = float(sigma_px[0])
        if sigma < LEAST_BLUR_PX:
            return layers
        side = 2 * int(np.ceil(2.5 * sigma)) + 1
        soft = cv2.GaussianBlur(
            layers[0], (side, side), sigma, borderType=cv2.BORDER_REPLICATE
        )
        return np.asarray(soft, dtype=np.float32)[None]

    def linear(self, srgb: NDArray[np.uint8]) -> Float32:
        """See Arrays."""
        return np.asarray(cv2.LUT(srgb[0], LINEAR), dtype=np.float32)[None]

    def srgb(self, linear: Float32) -> Float32:
        """See Arrays."""
        index = np.minimum(linear, np.float32(1)) * np.float32(len(SRGB) - 1)
        np.maximum(index, np.float32(0), out=index)
        return np.asarray(np.take(SRGB, index.astype(np.uint16)), dtype=np.float32)


def surface_place(u: Any, v: Any) -> tuple[Any, Any]:
    """Column and row of a surface's table at (u, v)."""
    return (u + U_REACH) / STEP, (v + V_REACH) / STEP


def _remapped(table: Float32, column: Float32, row: Float32) -> Float32:
    found = cv2.remap(
        table, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found, dtype=np.float32)


class TorchArrays:
    """Whole batches on a device, with torch and kornia."""

    def __init__(self, device: Any):
        import torch
        from array_api_compat import torch as torch_api

        self.xp: Any = torch_api
        self._torch, self._device = torch, torch.device(device)
        looks, rises = _stacked_surfaces()
        self._looks = self.array(looks).permute(2, 0, 1)[None].contiguous()
        self._rises = self.array(rises)[None, None]
        self._linear, self._srgb = self.array(LINEAR), self.array(SRGB)
        self._tiles: dict[int, tuple[Float32, Any]] = {}

    def array(self, values: Any) -> Any:
        """See Arrays."""
        tensor = self._torch.as_tensor(np.array(values, dtype=np.float32))
        return tensor.to(self._device)

    def interpolated(self, tables: Any, place: Any) -> Any:
        """See Arrays."""
        flat = place.flatten(1)
        low = flat.long().clamp(0, tables.shape[1] - 2)
        part = flat - low
        first, second = tables.gather(1, low), tables.gather(1, low + 1)
        return self._torch.lerp(first, second, part).reshape(place.shape)

    def surfaces(self, names: Sequence[int], u: Any, v: Any) -> Any:
        """See Arrays."""
        return self._stacked(self._looks, names, u, v)

    def rises(self, names: Sequence[int], u: Any, v: Any) -> Any:
        """See Arrays."""
        return self._stacked(self._rises, names, u, v)[..., 0]

    def _stacked(self, tables: Any, names: Sequence[int], u: Any, v: Any) -> Any:
        column, row = surface_place(u, v)
        column, row = column.clamp(0, COLUMNS - 1), row.clamp(0, ROWS - 1)
        below = self.array([ROWS * name for name in names])[:, None, None]
        count, height, width = u.shape
        found = self._sampled(
            tables,
            column.reshape(1, count * height, width),
            (row + below).reshape(1, count * height, width),
        )
        return found.reshape(count, height, width, -1)

    def tiles(self, tiles: Sequence[Float32], x: Any, y: Any) -> Any:
        """See Arrays."""
        side = tiles[0].shape[0] - 1
        column, row = (x - x.floor()) * side, (y - y.floor()) * side
        if all(tile is tiles[0] for tile in tiles):
            # One picture for all: the batch is one tall column of places.
            count, height, width = x.shape
            shape = (1, count * height, width)
            places = column.reshape(shape), row.reshape(shape)
            found = self._sampled(self._on_device(tiles[0])[None], *places)
            return found.reshape(count, height, width, -1)
        stack = self._torch.stack([self._on_device(tile) for tile in tiles])
        return self._sampled(stack, column, row)

    def _on_device(self, tile: Float32) -> Any:
        """(C, P + 1, P + 1), copied to the device once."""
        if id(tile) not in self._tiles:
            whole = tile if tile.ndim == 3 else tile[..., None]
            # The tile is kept too: its number is its own only while it lives.
            self._tiles[id(tile)] = (tile, self.array(whole.transpose(2, 0, 1)))
        return self._tiles[id(tile)][1]

    def _sampled(self, images: Any, column: Any, row: Any) -> Any:
        height, width = images.shape[-2:]
        places = self._torch.stack(
            [column * (2 / (width - 1)) - 1, row * (2 / (height - 1)) - 1], dim=-1
        )
        found = self._torch.nn.functional.grid_sample(
            images, places, mode="bilinear", padding_mode="border", align_corners=True
        )
        return found.permute(0, 2, 3, 1)

    def spread(self, maps: Any, rows: Float32, columns: Float32) -> Any:
        """See Arrays."""
        down = self.array(_weights(rows, maps.shape[1]))
        across = self.array(_weights(columns, maps.shape[2]))
        return down @ maps @ across.T

    def numpy(self, values: Any) -> NDArray[Any]:
        """See Arrays."""
        return np.asarray(values.cpu().numpy())

    def blurred(self, layers: Any, sigma_px: Any) -> Any:
        """See Arrays."""
        from kornia.filters import gaussian_blur2d

        # Below LEAST_BLUR_PX the middle weight is 1.
        sigma = self._torch.where(sigma_px < LEAST_BLUR_PX, 0.05, sigma_px)
        side = 2 * int(np.ceil(2.5 * float(sigma.max()))) + 1
        channels_first = layers.permute(0, 3, 1, 2)
        pairs = sigma[:, None].repeat(1, 2)
        soft = gaussian_blur2d(channels_first, (side, side), pairs, "replicate")
        return soft.permute(0, 2, 3, 1)

    def linear(self, srgb: Any) -> Any:
        """See Arrays."""
        return self._linear[srgb.int()]

    def srgb(self, linear: Any) -> Any:
        """See Arrays."""
        index = linear.clamp(0, 1) * (len(SRGB) - 1)
        return self._srgb[index.int()]


def _weights(places: Float32, nodes: int) -> Float32:
    """(len(places), nodes) share of each node in the value at each place."""
    away = np.abs(places[:, None] - np.arange(nodes, dtype=np.float32)[None])
    return np.asarray(np.maximum(1 - away, 0), dtype=np.float32)


@cache
def _stacked_surfaces() -> tuple[Float32, Float32]:
    """All SURFACES one below the other: looks and rises."""
    whole = [surface(name) for name in SURFACES]
    return (
        np.concatenate([one.looks for one in whole]),
        np.concatenate([one.rise for one in whole]),
    )
