"""Fresh masks on every training chip, rendered in batches on the training device."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.photo_light import look_from_list
from masking.rendering.render_batch import BatchRenderer
from training.data.batch_sampler import Batch
from training.data.chip_dataset import Degradation


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
        specs = [
            self._drawn(batch.epoch, int(number)) if masked else ()
            for number, masked in zip(batch.mask_ids, batch.masked, strict=True)
        ]
        light = [look_from_list(row) for row in looks.tolist()]
        rendered = self._renderer(chips, marks.numpy(), specs, light).chips
        for row in range(len(rendered)):
            name = f"worn/{batch.epoch}/{batch.rows[row]}/{batch.views[row]}"
            rendered[row] = degraded(
                rendered[row], self._degradation, sample_rng(self._seed, name)
            )
        return rendered

    def _drawn(self, epoch: int, number: int) -> tuple[MaskSpec, ...]:
        return draw_specs(sample_rng(self._seed, f"{epoch}/{number}"), self._specs)


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
