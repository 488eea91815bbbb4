"""Renders what faces wear on batches of chips, on any device.

The formulas are those that `render` uses for files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from masking.landmarks import Float32
from masking.masks.spec import MaskSpec
from masking.masks.surface import surface_name
from masking.rendering.compositing import Layer, Maps, render_layer
from masking.rendering.layout import Looks, laid_out
from masking.rendering.numpy_backend import NumpyArrays
from masking.rendering.parameters import RIGID, parameters
from masking.rendering.photo_light import PhotoLook
from masking.rendering.render import looks_of
from masking.rendering.torch_backend import TorchArrays
from masking.rendering.warp import (
    HeadPose,
    SkinSpline,
    canonical_places,
    grid_places,
    head_pose,
    skin_spline,
)

# Laid out together: a CPU's cache holds about this many chips; a GPU takes all at once.
_AT_ONCE = {"cpu": 24}
_NUMPY = NumpyArrays()


@dataclass(frozen=True, eq=False)
class MaskedBatch:
    """Chips with things rendered on them.

    Attributes:
        chips: (N, 3, S, S) uint8 RGB.
        maps: what they show besides; None where that was not asked for.
    """

    chips: Tensor
    maps: Maps | None


@dataclass(frozen=True, eq=False)
class _Faces:
    """The faces of a batch and what follows from their landmarks."""

    pose: HeadPose
    spline: SkinSpline
    looks: Looks


class BatchRenderer:
    """Renders batches; keeps the tables of all masks on its device."""

    def __init__(self, device: torch.device | str, apart: bool | None = None):
        """
        Args:
            apart: on a CPU: chips are laid out together, but each is rendered by
                itself, with OpenCV, so that no more than the mask's own window
                is computed and all of that stays in the cache; None = yes.
        """
        self._device = torch.device(device)
        self._apart = self._device.type == "cpu" if apart is None else apart
        self._arrays: Any = _NUMPY if self._apart else TorchArrays(device)
        self._at_once = _AT_ONCE.get(self._device.type, 0)

    @torch.no_grad()
    def __call__(
        self,
        chips: Tensor,
        points: Float32,
        specs: Sequence[Sequence[MaskSpec]],
        looks: Sequence[PhotoLook],
        with_maps: bool = False,
    ) -> MaskedBatch:
        """Render each chip's specs one over the other; () leaves a chip unmasked.

        Args:
            chips: (N, 3, S, S) uint8 RGB on the renderer's device; left as they are.
            points: (N, 68, 2) landmarks of the unmasked faces, chip px.
            specs: what each face wears.
            looks: light of each photograph, see `render.photo_look`.
            with_maps: tell where things are, too.
        """
        batch = MaskedBatch(chips.clone(), _no_maps(chips) if with_maps else None)
        for layer in range(max(map(len, specs), default=0)):
            for rows in self._groups(specs, layer):
                faces = self._faces(points[rows], [looks[row] for row in rows])
                masks = [specs[row][layer] for row in rows]
                self._add(batch, rows, masks, faces)
        return batch

    def _groups(
        self, specs: Sequence[Sequence[MaskSpec]], layer: int
    ) -> Iterator[list[int]]:
        """Rows that are rendered together: on the skin or on the head as a whole.

        Sorted by their surfaces, so that few segments are looked at in vain and each
        table is read once.
        """
        worn = [row for row, items in enumerate(specs) if len(items) > layer]
        for rigid in (False, True):
            rows = [row for row in worn if (specs[row][layer].kind in RIGID) == rigid]
            rows.sort(key=lambda row: surface_name(specs[row][layer]))
            size = self._at_once or max(len(rows), 1)
            for start in range(0, len(rows), size):
                yield rows[start : start + size]

    def _faces(self, points: Float32, looks: Sequence[PhotoLook]) -> _Faces:
        arrays = self._arrays
        marks = arrays.array(points)
        pose, spline = head_pose(arrays, marks), skin_spline(arrays, marks)
        return _Faces(pose, spline, looks_of(arrays, looks, spline, pose))

    def _add(
        self, batch: MaskedBatch, rows: list[int], specs: list[MaskSpec], faces: _Faces
    ) -> None:
        arrays = self._arrays
        mask = parameters(arrays, specs)
        side_px = batch.chips.shape[2]
        nodes = grid_places(0, side_px - 1), grid_places(0, side_px - 1)
        spline = None if specs[0].kind in RIGID else faces.spline
        at = canonical_places(arrays, faces.pose, spline, nodes)
        layout = laid_out(arrays, mask, faces.looks, at, faces.pose.lean, nodes)
        layer = Layer(mask, faces.looks, layout, faces.pose.px_per_unit)
        if self._apart:
            for number, row in enumerate(rows):
                _render_alone(batch, row, layer.row(number))
        else:
            self._render_together(batch, rows, layer)

    def _render_together(
        self, batch: MaskedBatch, rows: list[int], layer: Layer
    ) -> None:
        places = torch.tensor(rows, device=self._device)
        pictures, maps = batch.chips[places], None
        if batch.maps:
            maps = Maps(batch.maps.alpha[places], batch.maps.parts[places])
        render_layer(self._arrays, layer, pictures, maps)
        batch.chips[places] = pictures
        if batch.maps and maps:
            batch.maps.alpha[places] = maps.alpha
            batch.maps.parts[places] = maps.parts


def _no_maps(chips: Tensor) -> Maps:
    alpha = torch.zeros(chips[:, 0].shape, device=chips.device)
    return Maps(alpha, torch.zeros_like(alpha, dtype=torch.uint8))


def _render_alone(batch: MaskedBatch, row: int, layer: Layer) -> None:
    one, maps = slice(row, row + 1), None
    if batch.maps:
        maps = Maps(batch.maps.alpha[one].numpy(), batch.maps.parts[one].numpy())
    render_layer(_NUMPY, layer, batch.chips[one].numpy(), maps)
