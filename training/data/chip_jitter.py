"""Light, colour and mirror image of training chips, in batches on the device.

kornia 0.9's functions need 1.3 ms a chip of 150 px on a CPU core, and `RandomErasing`
fills whole pixels only; `jittered_apart` needs .14 ms, `jittered_together` .60 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from training.data.batch_sampler import Batch

# ITU-R BT.601: what red, green and blue add to a grey picture.
_GREY = (0.299, 0.587, 0.114)
# Sets this chance apart from that of masks, which is drawn from the same numbers.
_STREAM = 1


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
