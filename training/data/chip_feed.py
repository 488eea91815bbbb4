"""The data side of training: planned batches to jittered chips on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import Sampler

from masking.faces.alignment import ChipGeometry
from training.config import TrainConfig
from training.data.batch_plan import (
    MAX_VIEWS,
    BatchPlan,
    PlanRules,
    plan_epoch,
    steps_of_epoch,
)
from training.data.chip_dataset import BareChips, Degradation, chip_loader, loaded
from training.data.chip_jitter import jittered, jitters_of
from training.data.online_masks import OnlineMasks, spec_config
from training.data.train_data import TrainData
from training.distributed import Processes


class Feed(Protocol):
    """Gives a training its batches.

    Attributes:
        steps: of an epoch.
    """

    steps: int

    def epoch(self, number: int) -> Iterator[tuple[BatchPlan, Tensor]]:
        """This process's parts of the epoch's batches, in order.

        Each with what the network reads, on the device.
        """


class ChipFeed:
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
        self._rules = plan_rules(config)
        self.steps = steps_of_epoch(self._labels, self._rules)
        chips = BareChips(
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
        self._keys = PlannedKeys()
        pinned = device.type == "cuda"
        self._loader: Any = chip_loader(chips, self._keys, workers, pinned)

    def plans(self, number: int) -> list[BatchPlan]:
        """This process's parts of an epoch's batches."""
        config, processes = self._config, self._processes
        parts = processes.count * config.accumulate
        first = processes.rank * config.accumulate
        return [
            plan.part(place, parts)
            for plan in plan_epoch(self._labels, self._rules, number)
            for place in range(first, first + config.accumulate)
        ]

    def epoch(self, number: int) -> Iterator[tuple[BatchPlan, Tensor]]:
        """See `Feed`: (B, 3, S, S) float32 chips, 0 to 255."""
        self._keys.plans = plans = self.plans(number)
        for plan, (chips, marks, looks, _) in zip(
            plans, loaded(self._loader), strict=True
        ):
            chips = chips.to(self._device, non_blocking=True)
            rendered = self._masks(chips, marks, looks, plan)
            yield plan, jittered(rendered, jitters_of(plan, self._config.seed))


class PlannedKeys(Sampler[list[tuple[int, int]]]):
    """Keys of a `BareChips` for a list of plans, which changes every epoch."""

    def __init__(self) -> None:
        self.plans: list[BatchPlan] = []

    def __len__(self) -> int:
        return len(self.plans)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for plan in self.plans:
            # Views of one row in one epoch draw as other epochs would.
            passes = (plan.epoch * MAX_VIEWS + plan.views).tolist()
            yield list(zip(passes, plan.rows.tolist(), strict=True))


def plan_rules(config: TrainConfig) -> PlanRules:
    """The rules of the batches that a configuration asks for."""
    return PlanRules(
        config.batch_size,
        config.samples_per_person,
        config.masked_fraction,
        config.shared_masks,
        config.seed,
    )
