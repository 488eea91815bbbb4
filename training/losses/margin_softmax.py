"""Margin heads: softmax over all people, whose own cosine must be better by a margin.

For millions of people neither their weights nor their logits fit on one device, so
each process holds a shard of the classes.
Source: An et al., "Partial FC", ICCVW 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as group
from torch.nn import functional as F

from training.distributed import Processes, known_rows

# acos has infinite slope at +-1.
_EDGE = 1e-6
# Classes whose weights are drawn at once.
_CHUNK = 65536
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Margin(nn.Module):
    """Base of the margins; a larger margin asks for more.

    Attributes:
        default: the margin that its authors recommend.
    """

    default: float

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin or self.default

    def forward(self, cosines: Tensor, lengths: Tensor) -> Tensor:
        """(N,) cosines with the own class and (N,) lengths of features to (N,)."""
        raise NotImplementedError


class ArcFace(Margin):
    """cos(angle + margin), margin in radians.

    Beyond pi - margin, where that would rise again, a straight line.
    Source: Deng et al., "ArcFace", CVPR 2019, eq. 3.
    """

    default = 0.5

    def forward(self, cosines: Tensor, lengths: Tensor) -> Tensor:
        angles = cosines.clamp(-1 + _EDGE, 1 - _EDGE).acos()
        beyond = cosines - self.margin * math.sin(self.margin)
        inside = angles <= math.pi - self.margin
        return torch.where(inside, (angles + self.margin).cos(), beyond)


class CosFace(Margin):
    """cos(angle) - margin. Source: Wang et al., "CosFace", CVPR 2018, eq. 4."""

    default = 0.35

    def forward(self, cosines: Tensor, lengths: Tensor) -> Tensor:
        return cosines - self.margin


class AdaFace(Margin):
    """A margin that grows with the length of the feature, a sign of quality.

    z = (length - mean) / (deviation / h), kept in [-1, 1]; then
    cos(angle - margin * z) - (margin * z + margin): hard faces weigh more when they
    are sharp, and less when they are blurred. Mean and deviation are running ones.
    Source: Kim et al., "AdaFace", CVPR 2022, section 3.3 (arXiv:2204.00964), with
    its h = .33 and its running mean of momentum .99.
    """

    default = 0.4
    mean: Tensor
    deviation: Tensor

    def __init__(self, margin: float, h: float = 0.333, momentum: float = 0.99) -> None:
        super().__init__(margin)
        self.h, self.momentum = h, momentum
        # Where the running figures begin, as in the authors' code.
        self.register_buffer("mean", torch.tensor(20.0))
        self.register_buffer("deviation", torch.tensor(100.0))

    def forward(self, cosines: Tensor, lengths: Tensor) -> Tensor:
        lengths = lengths.detach().clamp(1e-3, 100)
        if self.training and len(lengths) > 1:
            self.mean.lerp_(lengths.mean(), 1 - self.momentum)
            self.deviation.lerp_(lengths.std(), 1 - self.momentum)
        quality = ((lengths - self.mean) / (self.deviation + 1e-3) * self.h).clamp(
            -1, 1
        )
        angles = cosines.clamp(-1 + _EDGE, 1 - _EDGE).acos()
        turned = (angles - self.margin * quality).clamp(1e-3, math.pi - 1e-3)
        return turned.cos() - self.margin * (1 + quality)


MARGINS: dict[str, Callable[[float], Margin]] = {
    "arcface": ArcFace,
    "cosface": CosFace,
    "adaface": AdaFace,
}


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
        processes: Processes | None = None,
        seed: int = 0,
    ) -> None:
        """
        Args:
            classes: of all processes.
            margin: changes the cosine with the own class.
            scale: of the cosines before the softmax.
            seed: of the first weights, which do not depend on the processes.
        """
        super().__init__()
        self.processes = processes or Processes()
        self.own = self.processes.shard_of(classes)
        self.classes, self.scale, self.margin = classes, scale, margin
        self.weight = nn.Parameter(first_weights(self.own, dimension, seed))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """(b, D) features and (b,) labels in 0 to classes - 1 to the loss.

        Rows of label -1, nobody's, add nothing to the mean.
        """
        # Half precision would turn a cosine of .999 into 1.
        with torch.autocast(features.device.type, enabled=False):
            rows, labels, share = known_rows(
                features, labels, self.processes, self.processes.count
            )
            if not len(rows):
                return rows.sum()
            cosines = F.normalize(rows) @ F.normalize(self.weight).T
            places = self._places(labels)
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
            return share * loss

    def _places(self, labels: Tensor) -> Tensor:
        """(B,) column of each row's class; -1 where another process has it."""
        local = labels - self.own.start
        inside = (local >= 0) & (local < len(self.own))
        return torch.where(inside, local, -1)


def first_weights(rows: range, dimension: int, seed: int) -> Tensor:
    """(len(rows), D) normal weights; a class has the same ones in any process."""
    parts = [
        0.01 * torch.randn(_CHUNK, dimension, generator=generator)[chunk]
        for generator, chunk in _chunks(rows, seed)
    ]
    return torch.cat(parts or [torch.empty(0, dimension)])


def _chunks(rows: range, seed: int) -> Iterator[tuple[torch.Generator, slice]]:
    """Runs of classes, each with its own chance: the same for any division.

    Gives a generator for the _CHUNK classes of a run, and which of them are `rows`.
    """
    for start in range(rows.start // _CHUNK * _CHUNK, rows.stop, _CHUNK):
        generator = torch.Generator().manual_seed(hash((seed, start)) % 2**63)
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


class HeadOptimiser:
    """Adam on this process's classes; its state is that of all classes."""

    def __init__(self, head: ShardedSoftmax, weight_decay: float) -> None:
        self._head = head
        self._optimiser = torch.optim.AdamW([head.weight], weight_decay=weight_decay)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._optimiser.zero_grad(set_to_none=True)

    def step(self, learning_rate: float) -> None:
        """Move the classes along their gradients."""
        for part in self._optimiser.param_groups:
            part["lr"] = learning_rate
        self._optimiser.step()

    def state(self) -> dict[str, Any]:
        """Weights and moments of all classes; every process must ask for it."""
        head = self._head
        found = self._optimiser.state.get(head.weight, {})
        moments = {
            name: self._whole(found.get(name, torch.zeros_like(head.weight)))
            for name in _MOMENTS
        }
        return moments | {
            "weight": self._whole(head.weight.detach()),
            "step": float(found.get("step", 0)),
            "margin": {n: t.cpu() for n, t in head.margin.state_dict().items()},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state, which may come from another number of processes."""
        head, device = self._head, self._head.weight.device
        own = slice(head.own.start, head.own.stop)
        with torch.no_grad():
            head.weight.copy_(state["weight"][own])
        head.margin.load_state_dict(state["margin"])
        found: dict[str, Any] = {
            name: state[name][own].clone().to(device) for name in _MOMENTS
        }
        found["step"] = torch.tensor(state["step"])
        self._optimiser.state[head.weight] = found

    def _whole(self, shard: Tensor) -> Tensor:
        return self._head.processes.gathered_shards(shard, self._head.classes).cpu()
