"""Loads the batches of a training: chips are read, masked and jittered on the device.

What a chip gets depends on the seed, the epoch, its row and its view: not on the batch
that it comes in. kornia 0.9 needs 1.3 ms for the light of a chip of 150 px on a CPU
core, and its `RandomErasing` fills whole pixels only; `jittered_apart` needs .14 ms,
`jittered_together` .60 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import Sampler

from masking.faces.alignment import ChipGeometry
from masking.masks.spec import SpecConfig, draw_all, sample_rng
from masking.rendering.photo_light import look_from_list
from masking.rendering.render_batch import BatchRenderer
from training.config import TrainConfig
from training.data.batch_sampler import (
    MAX_VIEWS,
    Batch,
    SamplerConfig,
    drawn_together,
    sample_epoch,
    steps_of_epoch,
)
from training.data.chip_dataset import Degradation, UnmaskedChips, chip_loader, loaded
from training.data.train_data import TrainData
from training.distributed import Processes

# ITU-R BT.601: what red, green and blue add to a grey picture.
_GREY = (0.299, 0.587, 0.114)
# Sets this chance apart from that of masks, which is drawn from the same numbers.
_STREAM = 1


class OnlineMasks:
    """Renders the masks of a batch, then degrades its chips.

    What a chip gets depends on the seed, the batch's epoch, its row and its view: not
    on the batch that it comes in.
    """

    def __init__(
        self,
        device: torch.device,
        specs: SpecConfig,
        degradation: Degradation,
        seed: int,
    ) -> None:
        self._renderer = BatchRenderer(device)
        self._specs, self._degradation, self._seed = specs, degradation, seed

    def __call__(
        self, chips: Tensor, marks: Tensor, looks: Tensor, batch: Batch
    ) -> Tensor:
        """(B, 3, S, S) uint8 chips of a batch with its masks on them.

        Args:
            chips: unmasked, uint8, on the device.
            marks: (B, 68, 2) landmarks, chip px, on the CPU.
            looks: (B, LOOK_LENGTH) of `PhotoLook.to_list`, on the CPU.
        """
        names = [f"{batch.epoch}/{int(number)}" for number in batch.mask_ids]
        drawn = draw_all(self._seed, names, self._specs)
        worn = zip(drawn, batch.masked, strict=True)
        specs = [own if masked else () for own, masked in worn]
        light = [look_from_list(row) for row in looks.tolist()]
        rendered = self._renderer(chips, marks.numpy(), specs, light).chips
        for row in range(len(rendered)):
            name = f"worn/{batch.epoch}/{batch.rows[row]}/{batch.views[row]}"
            rendered[row] = degraded(
                rendered[row], self._degradation, sample_rng(self._seed, name)
            )
        return rendered


def degraded(
    chip: Tensor, degradation: Degradation, rng: np.random.Generator
) -> Tensor:
    """A (3, S, S) uint8 chip with low resolution and JPEG blocks, by chance."""
    side_px = chip.shape[-1]
    if rng.random() < degradation.coarse_fraction:
        side = int(side_px * rng.uniform(0.3, 0.8))
        small = interpolate(chip[None].float(), (side, side), mode="area")
        large = interpolate(small, (side_px, side_px), mode="bilinear")
        chip = (large[0] + 0.5).clamp(0, 255).to(torch.uint8)
    if rng.random() < degradation.jpeg_fraction:
        chip = _through_jpeg(chip, int(rng.integers(25, 85)))
    return chip


def _through_jpeg(chip: Tensor, quality: int) -> Tensor:
    # On the CPU: torch has no JPEG codec of its own.
    pixels = chip.permute(1, 2, 0).cpu().numpy()
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return torch.from_numpy(decoded).permute(2, 0, 1).to(chip.device)


def spec_config(kinds: str, occluded: float = 0.0) -> SpecConfig:
    """Masks of some kinds.

    Args:
        kinds: separated by commas.
        occluded: fraction of faces that also wear something else.

    Raises:
        InvalidConfig: an unknown kind.
    """
    names = tuple(kind.strip() for kind in kinds.split(","))
    return SpecConfig(names, occluded=occluded)


@dataclass(frozen=True)
class Jitter:
    """How one chip differs from what it shows.

    No hue: turning it means a round trip through HSV, and photographs differ in the
    colour of light, which the mask engine's cast covers.

    Attributes:
        mirrored: left and right are exchanged.
        contrast: factor of all values.
        brightness: added after that, as a fraction of the range.
        grey: without colour.
        hole: left, top, right, bottom of a black patch, as fractions of the side.
    """

    mirrored: bool = False
    contrast: float = 1.0
    brightness: float = 0.0
    grey: bool = False
    hole: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


def draw_jitter(rng: np.random.Generator) -> Jitter:
    """One chip's jitter."""
    mirrored = rng.random() < 0.5
    coloured = rng.random() < 0.6
    return Jitter(
        bool(mirrored),
        float(rng.uniform(0.75, 1.3)) if coloured else 1.0,
        float(rng.uniform(-0.3, 0.3)) if coloured else 0.0,
        bool(rng.random() < 0.08),
        _draw_hole(rng) if rng.random() < 0.1 else (0.0, 0.0, 0.0, 0.0),
    )


def _draw_hole(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """1 to 6% of the chip, anywhere in it.

    Source: Zhong et al., "Random erasing", AAAI 2020, algorithm 1.
    """
    area, ratio = rng.uniform(0.01, 0.06), np.exp(rng.uniform(np.log(0.4), np.log(2.5)))
    width, height = np.sqrt(area * ratio), np.sqrt(area / ratio)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return float(left), float(top), float(left + width), float(top + height)


def jitters_of(batch: Batch, seed: int) -> list[Jitter]:
    """The jitter of each chip of a batch, by its row, view and epoch alone.

    It depends neither on the batch nor on the process that the chip is in.
    """
    return [
        draw_jitter(np.random.default_rng([seed, batch.epoch, row, view, _STREAM]))
        for row, view in zip(batch.rows.tolist(), batch.views.tolist(), strict=True)
    ]


def jittered(chips: Tensor, jitters: Sequence[Jitter]) -> Tensor:
    """(N, 3, S, S) uint8 chips and N jitters to float32 chips, 0 to 255.

    With their channels last in memory, as networks read them fastest.
    """
    on_cpu = chips.device.type == "cpu"
    return (jittered_apart if on_cpu else jittered_together)(chips, jitters)


def jittered_apart(chips: Tensor, jitters: Sequence[Jitter]) -> Tensor:
    """`jittered` on a CPU, chip by chip: a batch of floats is too large for its caches.

    Contrast and brightness are one look-up, because bytes have only 256 values.
    """
    count, channels, side, _ = chips.shape
    values = np.empty((count, side, side, channels), dtype=np.float32)
    levels = np.arange(256, dtype=np.float32)
    middles = np.arange(side, dtype=np.float32) + np.float32(0.5)
    for planes, jitter, changed in zip(chips.numpy(), jitters, values, strict=True):
        chip = cv2.merge(list(planes))
        if jitter.mirrored:
            chip = cv2.flip(chip, 1)
        lit = levels * np.float32(jitter.contrast) + np.float32(255 * jitter.brightness)
        cv2.LUT(chip, np.clip(lit, 0, 255), dst=changed)
        if jitter.grey:
            changed[:] = (changed @ np.array(_GREY, dtype=np.float32))[..., None]
        if any(jitter.hole):
            hole = np.array(jitter.hole, dtype=np.float32) * np.float32(side)
            left, top, right, bottom = hole
            wide = (middles > left) & (middles < right)
            changed[np.ix_((middles > top) & (middles < bottom), wide)] = 0
    return torch.from_numpy(values).permute(0, 3, 1, 2)


@torch.no_grad()
def jittered_together(chips: Tensor, jitters: Sequence[Jitter]) -> Tensor:
    """`jittered` on a GPU, in place: copies of all floats took four times as long."""
    # Before they are floats, while they are small.
    chips = chips.contiguous(memory_format=torch.channels_last)
    device, side = chips.device, chips.shape[-1]
    changes = [(item.contrast, 255 * item.brightness) for item in jitters]
    contrast, added = torch.tensor(changes, device=device).T[:, :, None, None, None]
    values = chips.float()
    mirrored = _rows(jitters, lambda item: item.mirrored, device)
    values[mirrored] = values[mirrored].flip(3)
    values.mul_(contrast).add_(added).clamp_(0, 255)
    grey = _rows(jitters, lambda item: item.grey, device)
    weights = torch.tensor(_GREY, device=device)[:, None, None]
    values[grey] = (values[grey] * weights).sum(dim=1, keepdim=True)
    holed = _rows(jitters, lambda item: any(item.hole), device)
    holes = side * torch.tensor([item.hole for item in jitters], device=device)
    left, top, right, bottom = holes[holed].T[:, :, None]
    middles = torch.arange(side, device=device)[None] + 0.5
    wide = (middles > left) & (middles < right)
    high = (middles > top) & (middles < bottom)
    inside = high[:, None, :, None] & wide[:, None, None, :]
    values[holed] = values[holed].masked_fill(inside, 0)
    return values


def _rows(
    jitters: Sequence[Jitter], has: Callable[[Jitter], bool], device: torch.device
) -> Tensor:
    """The rows that something is done to: most are left alone, which saves time."""
    chosen = [row for row, item in enumerate(jitters) if has(item)]
    return torch.tensor(chosen, dtype=torch.long, device=device)


class BatchLoader(Protocol):
    """Gives a training its batches.

    Attributes:
        steps: of an epoch.
    """

    steps: int

    def epoch(self, number: int) -> Iterator[tuple[Batch, Tensor]]:
        """This process's micro-batches of an epoch, in order.

        Each with what the network reads, on the device.
        """


class TrainLoader:
    """Chips by the rows of a manifest, rendered and jittered again in every epoch."""

    def __init__(
        self,
        data: TrainData,
        geometry: ChipGeometry,
        config: TrainConfig,
        device: torch.device,
        workers: int,
        processes: Processes,
    ) -> None:
        """
        Args:
            geometry: of the chips that the network reads.
            workers: processes that read chips.
        """
        self._config, self._device, self._processes = config, device, processes
        self._sampling = sampler_config(config)
        self._labels = drawn_together(data.labels.cpu().numpy(), self._sampling)
        self._collections, self._wears_mask = data.collections, data.wears_mask
        self.steps = steps_of_epoch(self._labels, self._sampling, self._collections)
        chips = UnmaskedChips(
            data.manifest.folder,
            data.rows,
            data.manifest.geometry,
            geometry,
            0.0,
            spec_config(config.kinds),
            Degradation(),
            config.seed,
        )
        specs = spec_config(config.kinds, config.occluded)
        self._masks = OnlineMasks(device, specs, Degradation(), config.seed)
        self._keys = KeySampler()
        pinned = device.type == "cuda"
        self._loader: Any = chip_loader(chips, self._keys, workers, pinned)

    def batches(self, number: int) -> list[Batch]:
        """This process's micro-batches of an epoch."""
        config, processes = self._config, self._processes
        count = processes.count * config.accumulate
        first = processes.rank * config.accumulate
        epoch = sample_epoch(
            self._labels, self._sampling, number, self._collections, self._wears_mask
        )
        return [
            batch.micro_batch(place, count)
            for batch in epoch
            for place in range(first, first + config.accumulate)
        ]

    def epoch(self, number: int) -> Iterator[tuple[Batch, Tensor]]:
        """See `BatchLoader`: (B, 3, S, S) float32 chips, 0 to 255."""
        self._keys.batches = batches = self.batches(number)
        for batch, (chips, marks, looks, _) in zip(
            batches, loaded(self._loader), strict=True
        ):
            chips = chips.to(self._device, non_blocking=True)
            rendered = self._masks(chips, marks, looks, batch)
            yield batch, jittered(rendered, jitters_of(batch, self._config.seed))


class KeySampler(Sampler[list[tuple[int, int]]]):
    """Keys of `UnmaskedChips` for a list of batches, which changes every epoch."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for batch in self.batches:
            # Views of one row in one epoch draw as other epochs would.
            passes = (batch.epoch * MAX_VIEWS + batch.views).tolist()
            yield list(zip(passes, batch.rows.tolist(), strict=True))


def sampler_config(config: TrainConfig) -> SamplerConfig:
    """How a configuration asks to draw batches."""
    return SamplerConfig(
        config.batch_size,
        config.samples_per_person,
        config.masked_fraction,
        config.shared_masks,
        config.seed,
    )
