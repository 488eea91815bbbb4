"""Feeds the trained part of a network what its frozen stages make of the chips."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from training.data.batch_plan import BatchPlan
from training.data.chip_feed import ChipFeed
from training.data.map_cache import MapCache, Planned, through_cache


class FrozenFeed:
    """Maps by the frozen stages, from the cache where they are known."""

    def __init__(
        self,
        chips: ChipFeed,
        early: nn.Module,
        device: torch.device,
        bfloat16: bool,
        cache: MapCache | None,
    ) -> None:
        """
        Args:
            early: the frozen stages, on the device.
            cache: None = every epoch has fresh chips.
        """
        self.steps = chips.steps
        self._chips, self._early, self._cache = chips, early, cache
        self._device, self._bfloat16 = device, bfloat16

    def epoch(self, number: int) -> Iterator[tuple[BatchPlan, Tensor]]:
        """See `chip_feed.Feed`."""
        plans = self._chips.plans(number)
        for plan, maps in through_cache(self._cache, plans, self._made):
            yield plan, self._on_device(maps)

    def _made(self, plans: list[BatchPlan]) -> Planned:
        for plan, chips in self._chips.chips(plans):
            yield plan, self._maps(chips)

    @torch.no_grad()
    def _maps(self, chips: Tensor) -> Tensor:
        """Rounded as in the cache, so that a chip is the same seen again."""
        kind = self._device.type
        with torch.autocast(kind, torch.bfloat16, enabled=self._bfloat16):
            maps: Tensor = self._early(chips)
        return maps.half()

    def _on_device(self, maps: Tensor) -> Tensor:
        moved = maps.to(self._device, non_blocking=True).float()
        return moved.contiguous(memory_format=torch.channels_last)
