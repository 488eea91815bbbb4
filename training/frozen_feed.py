"""Feeds the trained part of a network what its frozen stages make of the chips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.batch_plan import BatchPlan
from training.chip_feed import ChipFeed


class MapCache:
    """Maps of chips on disk, as float16: (variants, rows, C, H, W).

    A row counts as known once `keep` has written it down, so that a killed run
    goes on with the maps that it had.
    """

    def __init__(self, path: Path, variants: int, rows: int) -> None:
        """
        Args:
            path: of the file; a second one beside it says which rows are known.
        """
        self._path, self._shape = path, (variants, rows)
        self._known_path = path.with_suffix(".known.npy")
        self._maps: NDArray[np.float16] | None = None
        self._known = np.zeros(self._shape, dtype=bool)
        if path.is_file() and self._known_path.is_file():
            self._known = np.load(self._known_path, allow_pickle=False)
            self._maps = np.load(path, mmap_mode="r+", allow_pickle=False)

    def knows(self, plan: BatchPlan) -> bool:
        """Whether the maps of all chips of a plan are there."""
        return bool(self._known[plan.epoch, plan.rows].all())

    def read(self, plan: BatchPlan) -> Tensor:
        """(B, C, H, W) float16."""
        if self._maps is None:
            raise ValueError("nothing was written yet")
        return torch.from_numpy(self._maps[plan.epoch, plan.rows])

    def write(self, plan: BatchPlan, maps: Tensor) -> None:
        """Add the maps of a plan."""
        values = maps.cpu().numpy()
        if self._maps is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            shape = (*self._shape, *values.shape[1:])
            # Sparse: what is not written takes no room.
            self._maps = np.lib.format.open_memmap(
                self._path, mode="w+", dtype=np.float16, shape=shape
            )
        self._maps[plan.epoch, plan.rows] = values
        self._known[plan.epoch, plan.rows] = True

    def keep(self) -> None:
        """Make sure that what was written survives this process."""
        if isinstance(self._maps, np.memmap):
            self._maps.flush()
        np.save(self._known_path, self._known)


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
        cache = self._cache
        known = [cache is not None and cache.knows(plan) for plan in plans]
        fresh = self._chips.chips(
            [plan for plan, old in zip(plans, known, strict=True) if not old]
        )
        for plan, old in zip(plans, known, strict=True):
            if cache is not None and old:
                yield plan, self._on_device(cache.read(plan))
                continue
            maps = self._maps(next(fresh)[1])
            if cache is not None:
                cache.write(plan, maps)
            yield plan, self._on_device(maps)
        if cache is not None:
            cache.keep()

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
