"""Trains the classes of a margin head, of which each process has a shard."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from training.losses.sharded_softmax import ShardedSoftmax

_MOMENTS = ("exp_avg", "exp_avg_sq")


class HeadOptimiser:
    """Adam on this process's classes; its state is that of all classes."""

    def __init__(self, head: ShardedSoftmax, weight_decay: float) -> None:
        self._head = head
        # Sampled classes have sparse gradients: the others stay as they are.
        self._optimiser: torch.optim.Optimizer = (
            torch.optim.SparseAdam([head.weight])
            if head.fraction < 1
            else torch.optim.AdamW([head.weight], weight_decay=weight_decay)
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._optimiser.zero_grad(set_to_none=True)

    def step(self, learning_rate: float) -> None:
        """Move the classes along their gradients."""
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
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
        sparse = isinstance(self._optimiser, torch.optim.SparseAdam)
        steps = state["step"]
        found["step"] = int(steps) if sparse else torch.tensor(steps)
        self._optimiser.state[head.weight] = found

    def _whole(self, shard: Tensor) -> Tensor:
        return self._head.processes.gathered_shards(shard, self._head.classes).cpu()
