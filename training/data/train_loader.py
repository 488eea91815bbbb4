"""Loads the batches of a training: read, masked and jittered chips on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import Sampler

from masking.faces.alignment import ChipGeometry
from training.config import TrainConfig
from training.data.batch_sampler import (
    MAX_VIEWS,
    Batch,
    SamplerConfig,
    sample_epoch,
    steps_of_epoch,
)
from training.data.chip_dataset import Degradation, UnmaskedChips, chip_loader, loaded
from training.data.chip_jitter import jittered, jitters_of
from training.data.online_masks import OnlineMasks, spec_config
from training.data.train_data import TrainData
from training.distributed import Processes


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
        self._labels = data.labels.cpu().numpy()
        self._sampling = sampler_config(config)
        self.steps = steps_of_epoch(self._labels, self._sampling)
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
        return [
            batch.micro_batch(place, count)
            for batch in sample_epoch(self._labels, self._sampling, number)
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
