"""Softmax over the classes of all processes, each of which holds a shard of them.

For millions of people neither their weights nor their logits fit on one device.
Sources: An et al., "Partial FC", ICCVW 2021 (classes divided among processes), and
"Killing two birds with one stone", CVPR 2022 (a fraction of the negative classes).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as group
from torch.nn import functional as F

from training.distributed import Processes, gather_rows
from training.losses.margins import Margin

# Classes whose chance is drawn at once.
_CHUNK = 65536


class ShardedSoftmax(nn.Module):
    """Margin softmax; the loss is the mean over the rows of all processes.

    Attributes:
        weight: (C_own, D) one direction for each class of this process.
    """

    def __init__(
        self,
        classes: int,
        dimension: int,
        margin: Margin,
        scale: float = 64.0,
        fraction: float = 1.0,
        processes: Processes | None = None,
        seed: int = 0,
    ) -> None:
        """
        Args:
            classes: of all processes.
            margin: changes the cosine with the own class.
            scale: of the cosines before the softmax.
            fraction: chance of a class to take part in a step in which it has no row;
                drawn again in each. Below 1, gradients are sparse.
            seed: of the first weights, which do not depend on the processes.
        """
        super().__init__()
        self.processes = processes or Processes()
        self.own = self.processes.shard_of(classes)
        self.classes, self.scale, self.fraction = classes, scale, fraction
        self.margin, self.seed = margin, seed
        self.weight = nn.Parameter(first_weights(self.own, dimension, seed))

    def forward(self, features: Tensor, labels: Tensor, step: int) -> Tensor:
        """(b, D) features and (b,) labels in 0 to classes - 1 to the loss.

        Args:
            step: of the training; with the seed it draws the classes.
        """
        # Half precision would turn a cosine of .999 into 1.
        with torch.autocast(features.device.type, enabled=False):
            rows = gather_rows(features.float(), self.processes, self.processes.count)
            labels = self.processes.gathered(labels)
            chosen = self._chosen(labels, step)
            weight = F.embedding(chosen, self.weight, sparse=self.fraction < 1)
            cosines = F.normalize(rows) @ F.normalize(weight).T
            places = self._places(labels, chosen)
            here = places >= 0
            lengths = rows.norm(dim=1)
            # Of all rows, so that running figures are the same in all processes.
            own = torch.zeros_like(lengths)
            own[here] = cosines[here, places[here]]
            changed = self.margin(own, lengths)
            index = torch.where(here)[0]
            cosines = cosines.index_put((index, places[here]), changed[here])
            loss: Tensor = _CrossEntropy.apply(
                self.scale * cosines, places, self.processes
            )
            return loss

    def _chosen(self, labels: Tensor, step: int) -> Tensor:
        """Rows of `weight` that take part, ascending."""
        count = len(self.own)
        if self.fraction >= 1:
            return torch.arange(count, device=labels.device)
        order = torch.cat(
            [
                torch.rand(_CHUNK, generator=generator)[rows]
                for generator, rows in _chunks(self.own, (self.seed, step))
            ]
            or [torch.empty(0)]
        )
        taken = (order < self.fraction).to(labels.device)
        inside = (labels >= self.own.start) & (labels < self.own.stop)
        taken[labels[inside] - self.own.start] = True
        return torch.where(taken)[0]

    def _places(self, labels: Tensor, chosen: Tensor) -> Tensor:
        """(B,) column of each row's class; -1 where another process has it."""
        local = labels - self.own.start
        inside = (local >= 0) & (local < len(self.own))
        place = torch.searchsorted(chosen, local.clamp(0, max(0, len(self.own) - 1)))
        return torch.where(inside, place, -1)


def first_weights(rows: range, dimension: int, seed: int) -> Tensor:
    """(len(rows), D) normal weights; a class has the same ones in any process."""
    parts = [
        0.01 * torch.randn(_CHUNK, dimension, generator=generator)[chunk]
        for generator, chunk in _chunks(rows, (seed,))
    ]
    return torch.cat(parts or [torch.empty(0, dimension)])


def _chunks(
    rows: range, seeds: tuple[int, ...]
) -> Iterator[tuple[torch.Generator, slice]]:
    """Runs of classes, each with its own chance: the same for any division.

    Gives a generator for the _CHUNK classes of a run, and which of them are `rows`.
    """
    for start in range(rows.start // _CHUNK * _CHUNK, rows.stop, _CHUNK):
        generator = torch.Generator().manual_seed(hash((*seeds, start)) % 2**63)
        yield generator, slice(max(0, rows.start - start), rows.stop - start)


class _CrossEntropy(torch.autograd.Function):
    """Mean of -log softmax at the own class, over columns of all processes."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, places: Tensor, processes: Processes
    ) -> Tensor:
        """(B, C_own) logits and (B,) own column or -1 to a scalar."""
        lowest = logits.new_full((len(logits), 1), -torch.inf)
        top = torch.cat([logits, lowest], dim=1).amax(dim=1, keepdim=True)
        _reduce(top, processes, largest=True)
        powers = (logits - top).exp()
        total = powers.sum(dim=1, keepdim=True)
        _reduce(total, processes)
        here = torch.where(places >= 0)[0]
        wanted = logits.new_zeros(len(logits), 1)
        wanted[here, 0] = logits[here, places[here]] - top[here, 0]
        _reduce(wanted, processes)
        ctx.save_for_backward(powers / total, here, places)
        return (total.log() - wanted).mean()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        softmax, here, places = ctx.saved_tensors
        change = softmax.clone()
        change[here, places[here]] -= 1
        return change * (gradient / len(change)), None, None


def _reduce(values: Tensor, processes: Processes, largest: bool = False) -> None:
    if processes.count > 1:
        group.all_reduce(values, group.ReduceOp.MAX if largest else group.ReduceOp.SUM)
