"""The steps of `numpy_backend` with torch and kornia: whole batches on a device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from array_api_compat import torch as torch_api
from kornia.filters import gaussian_blur2d
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from masking.landmarks import Float32
from masking.masks.colours import LINEAR, SRGB
from masking.masks.surface import COLUMNS, ROWS, SURFACES, surface
from masking.rendering.numpy_backend import LEAST_BLUR_PX, Integers, surface_place


class TorchArrays:
    """Whole batches on a device; implements `numpy_backend.Arrays`."""

    def __init__(self, device: torch.device | str):
        self.xp: Any = torch_api
        self._device = torch.device(device)
        looks, rises = _stacked_surfaces()
        self._looks = self.array(looks).permute(2, 0, 1)[None].contiguous()
        self._rises = self.array(rises)[None, None]
        self._linear, self._srgb = self.array(LINEAR), self.array(SRGB)
        self._tiles: dict[int, tuple[Float32, Tensor]] = {}

    def array(self, values: Any) -> Tensor:
        """See Arrays."""
        tensor = torch.as_tensor(np.array(values, dtype=np.float32))
        return tensor.to(self._device)

    def interpolated(self, tables: Sequence[Tensor], place: Tensor) -> list[Tensor]:
        """See Arrays."""
        flat = place.flatten(1)
        low = flat.long().clamp(0, tables[0].shape[1] - 2)
        part, next_one = flat - low, low + 1
        return [
            torch.lerp(table.gather(1, low), table.gather(1, next_one), part).reshape(
                place.shape
            )
            for table in tables
        ]

    def surfaces(self, names: Sequence[int], u: Tensor, v: Tensor) -> Tensor:
        """See Arrays."""
        return self._stacked(self._looks, names, u, v)

    def rises(self, names: Sequence[int], u: Tensor, v: Tensor) -> Tensor:
        """See Arrays."""
        return self._stacked(self._rises, names, u, v)[:, 0]

    def _stacked(
        self, tables: Tensor, names: Sequence[int], u: Tensor, v: Tensor
    ) -> Tensor:
        column, row = surface_place(u, v)
        column, row = column.clamp(0, COLUMNS - 1), row.clamp(0, ROWS - 1)
        below = self.array([ROWS * name for name in names])[:, None, None]
        count, height, width = u.shape
        found = self._sampled(
            tables,
            column.reshape(1, count * height, width),
            (row + below).reshape(1, count * height, width),
        )
        return _apart(found, count)

    def tiles(self, tiles: Sequence[Float32], x: Tensor, y: Tensor) -> Tensor:
        """See Arrays."""
        side = tiles[0].shape[0] - 1
        column, row = (x - x.floor()) * side, (y - y.floor()) * side
        if all(tile is tiles[0] for tile in tiles):
            # One picture for all: the batch is one tall column of places.
            count, height, width = x.shape
            shape = (1, count * height, width)
            places = column.reshape(shape), row.reshape(shape)
            found = self._sampled(self._on_device(tiles[0])[None], *places)
            return _apart(found, count)
        stack = torch.stack([self._on_device(tile) for tile in tiles])
        return self._sampled(stack, column, row)

    def cut(self, tile: Float32, rows: Integers, columns: Integers) -> Tensor:
        """See Arrays."""
        down, across = (
            torch.as_tensor(places, device=self._device) for places in (rows, columns)
        )
        whole = self._on_device(tile)
        return whole[:, down[:, :, None], across[:, None]].transpose(0, 1)

    def _on_device(self, tile: Float32) -> Tensor:
        """(C, P, P) of a tile (P, P, C), copied to the device once."""
        if id(tile) not in self._tiles:
            whole = tile if tile.ndim == 3 else tile[..., None]
            # The tile is kept too: its number is its own only while it lives.
            self._tiles[id(tile)] = (tile, self.array(whole.transpose(2, 0, 1)))
        return self._tiles[id(tile)][1]

    def _sampled(self, images: Tensor, column: Tensor, row: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        places = torch.stack(
            [column * (2 / (width - 1)) - 1, row * (2 / (height - 1)) - 1], dim=-1
        )
        found = grid_sample(
            images, places, mode="bilinear", padding_mode="border", align_corners=True
        )
        return found

    def spread(
        self, maps: Sequence[Tensor], rows: Float32, columns: Float32
    ) -> list[Tensor]:
        """See Arrays."""
        down = self.array(_weights(rows, maps[0].shape[1]))
        across = self.array(_weights(columns, maps[0].shape[2]))
        return [down @ one @ across.T for one in maps]

    def numpy(self, values: Tensor) -> NDArray[Any]:
        """See Arrays."""
        return np.asarray(values.cpu().numpy())

    def packed(self, values: Tensor) -> Tensor:
        """See Arrays."""
        return values

    def put(self, pictures: Any, colours: Any, where: Any) -> None:
        """See Arrays."""
        pictures[...] = self.xp.where(where[:, None], colours, pictures)

    def blurred(self, layers: Tensor, sigma_px: Tensor) -> Tensor:
        """See Arrays."""
        # Below LEAST_BLUR_PX the middle weight is 1.
        sigma = torch.where(sigma_px < LEAST_BLUR_PX, 0.05, sigma_px)
        side = 2 * int(np.ceil(2.5 * float(sigma.max()))) + 1
        pairs = sigma[:, None].repeat(1, 2)
        return gaussian_blur2d(layers, (side, side), pairs, "replicate")

    def linear(self, srgb: Tensor) -> Tensor:
        """See Arrays."""
        return _looked_up(self._linear, srgb.int())

    def srgb(self, linear: Tensor) -> Tensor:
        """See Arrays."""
        index = linear.clamp(0, 1) * (len(SRGB) - 1)
        return _looked_up(self._srgb, index.int())


def _looked_up(table: Tensor, index: Tensor) -> Tensor:
    """table[index]: on a CPU that takes eight times as long."""
    return table.index_select(0, index.flatten()).reshape(index.shape)


def _apart(tall: Tensor, count: int) -> Tensor:
    """(1, C, N * h, w) as (N, C, h, w)."""
    channels, _, width = tall[0].shape
    return tall.reshape(channels, count, -1, width).transpose(0, 1).contiguous()


def _weights(places: Float32, nodes: int) -> Float32:
    """(len(places), nodes) fraction of each node in the value at each place."""
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
