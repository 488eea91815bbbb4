"""Keeps what was made of planned chips on disk, so that it is made only once."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from masking.faces.model_arrays import read_arrays, write_arrays
from training.data.batch_plan import BatchPlan

Planned = Iterator[tuple[BatchPlan, Tensor]]

FORMAT_VERSION = 1
# A sum of what was never written; CRC-32s are not negative.
_UNKNOWN = -1


class MapCache:
    """Arrays of chips on disk, of any one kind: (variants, rows, C, H, W).

    A row counts as known once `keep` has written down its checksum, so that a killed
    run goes on with what it had. What was damaged since then is unknown again.
    """

    def __init__(self, path: Path, variants: int, rows: int) -> None:
        """
        Args:
            path: of the file; a second one beside it holds the checksums.
        """
        self._path, self._shape = path, (variants, rows)
        self._sums_path = path.with_suffix(".sums.npz")
        self._maps, self._sums = self._opened()
        # Whether a row was compared with its checksum, or written, in this process.
        self._sound = np.zeros(self._shape, dtype=bool)

    def knows(self, plan: BatchPlan) -> bool:
        """Whether the arrays of all chips of a plan are there, and undamaged."""
        known = [
            self._check(int(plan.variant), int(row)) for row in np.unique(plan.rows)
        ]
        return all(known)

    def read(self, plan: BatchPlan) -> Tensor:
        """(B, C, H, W), as they were written."""
        if self._maps is None:
            raise ValueError("nothing was written yet")
        return torch.from_numpy(self._maps[plan.variant, plan.rows])

    def write(self, plan: BatchPlan, maps: Tensor) -> None:
        """Add the arrays of a plan."""
        values = maps.cpu().numpy()
        if self._maps is None or not _fits(self._maps, values):
            self._maps = self._fresh(values)
        self._maps[plan.variant, plan.rows] = values
        for row, value in zip(plan.rows, values, strict=True):
            self._sums[plan.variant, row] = _checksum(value)
            self._sound[plan.variant, row] = True

    def keep(self) -> None:
        """Make sure that what was written survives this process."""
        if isinstance(self._maps, np.memmap):
            self._maps.flush()
        write_arrays(self._sums_path, FORMAT_VERSION, sums=self._sums)

    def _opened(self) -> tuple[NDArray[Any] | None, NDArray[np.int64]]:
        nothing = np.full(self._shape, _UNKNOWN, dtype=np.int64)
        what = "the list of kept chips"
        try:
            (sums,) = read_arrays(self._sums_path, what, FORMAT_VERSION, ("sums",))
            maps = np.load(self._path, mmap_mode="r+", allow_pickle=False)
        # numpy raises many types at damaged headers; all mean: make the chips again.
        except Exception:
            return None, nothing
        if sums.shape != self._shape or maps.shape[:2] != self._shape:
            return None, nothing
        return maps, sums

    def _check(self, variant: int, row: int) -> bool:
        if self._maps is not None and not self._sound[variant, row]:
            found = _checksum(self._maps[variant, row])
            if found != self._sums[variant, row]:
                self._sums[variant, row] = _UNKNOWN
            self._sound[variant, row] = True
        return bool(self._sums[variant, row] != _UNKNOWN)

    def _fresh(self, values: NDArray[Any]) -> NDArray[Any]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._sums[:], self._sound[:] = _UNKNOWN, True
        shape = (*self._shape, *values.shape[1:])
        # Sparse: what is not written takes no room.
        return np.lib.format.open_memmap(
            self._path, mode="w+", dtype=values.dtype, shape=shape
        )


def _fits(maps: NDArray[Any], values: NDArray[Any]) -> bool:
    """Whether a file holds chips of this kind: a damaged header says anything."""
    return maps.dtype == values.dtype and maps.shape[2:] == values.shape[1:]


def _checksum(values: NDArray[Any]) -> int:
    """CRC-32 of a row's numbers, and of what kind they are."""
    kind = zlib.crc32(f"{values.dtype.str} {values.shape}".encode())
    return zlib.crc32(values.tobytes(), kind)


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
