"""Light, colour and mirror image of training chips, in batches on the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class ChipJitter:
    """Random mirror image, colour, grey and erased patches (kornia)."""

    def __init__(self) -> None:
        import kornia.augmentation as augmentation

        # No hue: turning it means a round trip through HSV, and photographs
        # differ in the colour of light, which the mask engine's cast covers.
        self._steps: Any = augmentation.AugmentationSequential(
            augmentation.RandomHorizontalFlip(p=0.5),
            augmentation.ColorJiggle(
                brightness=(0.7, 1.3), contrast=(0.75, 1.3), p=0.6
            ),
            augmentation.RandomGrayscale(p=0.08),
            augmentation.RandomErasing(scale=(0.01, 0.06), ratio=(0.4, 2.5), p=0.1),
            data_keys=["input"],
        )

    def __call__(self, chips: Tensor, seed: int) -> Tensor:
        """(N, 3, S, S) uint8 to float32 in 0..255; the same seed, the same chips."""
        # Torch's global random state is left as it was for the caller.
        devices = [chips.device] if chips.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            torch.manual_seed(seed)
            jittered: Tensor = self._steps(chips.float() / 255)
            return jittered * 255
