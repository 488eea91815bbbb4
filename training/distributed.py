"""The processes of one training: this one alone, or those that torchrun started."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as group

T = TypeVar("T")
# The first process validates and fills the gallery while the others wait.
_PATIENCE = timedelta(hours=12)


@dataclass(frozen=True)
class Processes:
    """Which of the processes this one is.

    Attributes:
        rank: 0 is the one that writes and reports.
        count: how many there are; with 1 nothing is exchanged.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.count > 1:
            group.barrier()

    @contextmanager
    def first_one_first(self) -> Iterator[None]:
        """The first process goes through before the others, who find its files."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def of_the_first(self, make: Callable[[], T]) -> T:
        """What `make` gives in the first process, in all of them."""
        made: list[Any] = [make() if self.first else None]
        if self.count > 1:
            group.broadcast_object_list(made)
        result: T = made[0]
        return result

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a scalar over all processes."""
        if self.count > 1:
            value = value.clone()
            group.all_reduce(value)
            value = value / self.count
        return value

    def gathered(self, rows: Tensor) -> Tensor:
        """The rows of all processes, without gradient; as many from each."""
        if self.count == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.count)]
        group.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def gathered_shards(self, shard: Tensor, total: int) -> Tensor:
        """The rows of all processes where the last ones have fewer or none.

        Args:
            shard: this process's rows of a tensor that `shard_of` divides.
            total: rows of the whole tensor.
        """
        size = -(-total // self.count)
        padded = shard.new_zeros(size, *shard.shape[1:])
        padded[: len(shard)] = shard
        return self.gathered(padded)[:total]

    def shard_of(self, total: int) -> range:
        """Which of `total` rows are this process's: near-equal runs in order."""
        size = -(-total // self.count)
        return range(min(self.rank * size, total), min((self.rank + 1) * size, total))


@contextmanager
def process_group(device: str) -> Iterator[Processes]:
    """Join the other processes of a `torchrun`; alone without one.

    Args:
        device: "auto", "cpu" or "cuda"; decides how the processes talk.
    """
    if not group.is_torchelastic_launched():
        yield Processes()
        return
    with_cuda = device != "cpu" and torch.cuda.is_available()
    if with_cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    group.init_process_group("nccl" if with_cuda else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(group.get_rank(), group.get_world_size())
    finally:
        group.destroy_process_group()


class GatherRows(torch.autograd.Function):
    """(b, D) rows of each process to (count * b, D) rows of all, with gradient.

    Every process computes a loss from all rows, and DDP then takes the mean of the
    processes' gradients. Backward therefore gives each row the sum of what all
    processes found for it, times `scale`: 1 where all compute the same loss, `count`
    where each has only its part of it.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, processes: Processes, scale: int) -> Tensor:
        ctx.processes, ctx.scale = processes, scale
        return processes.gathered(rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        processes: Processes = ctx.processes
        gradient = gradient.contiguous()
        if processes.count > 1:
            group.all_reduce(gradient)
        own = len(gradient) // processes.count
        rows = gradient[processes.rank * own : (processes.rank + 1) * own]
        return rows * ctx.scale, None, None


def gather_rows(rows: Tensor, processes: Processes, scale: int) -> Tensor:
    """See `GatherRows`."""
    if processes.count == 1:
        return rows
    gathered: Tensor = GatherRows.apply(rows, processes, scale)
    return gathered


def known_rows(
    features: Tensor, labels: Tensor, processes: Processes, scale: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The rows of all processes whose person is known, their labels, and their share.

    Args:
        features: (b, D).
        labels: (b,), -1 = nobody known.
        scale: see `GatherRows`.
    """
    rows = gather_rows(features.float(), processes, scale)
    labels = processes.gathered(labels)
    known = labels >= 0
    return rows[known], labels[known], known.float().mean()
