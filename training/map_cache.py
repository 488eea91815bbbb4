"""Keeps what was made of planned chips on disk, so that it is made only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.batch_plan import BatchPlan

Planned = Iterator[tuple[BatchPlan, Tensor]]


class MapCache:
    """Arrays of chips on disk, of any one kind: (variants, rows, C, H, W).

    A row counts as known once `keep` has written it down, so that a killed run
    goes on with what it had.
    """

    def __init__(self, path: Path, variants: int, rows: int) -> None:
        """
        Args:
            path: of the file; a second one beside it says which rows are known.
        """
        self._path, self._shape = path, (variants, rows)
        self._known_path = path.with_suffix(".known.npy")
        self._maps: NDArray[Any] | None = None
        self._known = np.zeros(self._shape, dtype=bool)
        if path.is_file() and self._known_path.is_file():
            self._known = np.load(self._known_path, allow_pickle=False)
            self._maps = np.load(path, mmap_mode="r+", allow_pickle=False)

    def knows(self, plan: BatchPlan) -> bool:
        """Whether the arrays of all chips of a plan are there."""
        return bool(self._known[plan.variant, plan.rows].all())

    def read(self, plan: BatchPlan) -> Tensor:
        """(B, C, H, W), as they were written."""
        if self._maps is None:
            raise ValueError("nothing was written yet")
        return torch.from_numpy(self._maps[plan.variant, plan.rows])

    def write(self, plan: BatchPlan, maps: Tensor) -> None:
        """Add the arrays of a plan."""
        values = maps.cpu().numpy()
        if self._maps is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            shape = (*self._shape, *values.shape[1:])
            # Sparse: what is not written takes no room.
            self._maps = np.lib.format.open_memmap(
                self._path, mode="w+", dtype=values.dtype, shape=shape
            )
        self._maps[plan.variant, plan.rows] = values
        self._known[plan.variant, plan.rows] = True

    def keep(self) -> None:
        """Make sure that what was written survives this process."""
        if isinstance(self._maps, np.memmap):
            self._maps.flush()
        np.save(self._known_path, self._known)


def through_cache(
    cache: MapCache | None,
    plans: list[BatchPlan],
    make: Callable[[list[BatchPlan]], Planned],
) -> Planned:
    """What `make` gives for the plans, in order, from the cache where it is known."""
    if cache is None:
        yield from make(plans)
        return
    known = [cache.knows(plan) for plan in plans]
    fresh = make([plan for plan, old in zip(plans, known, strict=True) if not old])
    for plan, old in zip(plans, known, strict=True):
        if old:
            yield plan, cache.read(plan)
            continue
        values = next(fresh)[1]
        cache.write(plan, values)
        yield plan, values
    cache.keep()
