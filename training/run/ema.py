"""Exponential moving average of the weights, blended with the initial ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.backbones.base import FaceNetwork


class AveragedWeights:
    """A moving average of a network's weights, on the network's device."""

    def __init__(
        self,
        network: FaceNetwork,
        initial: Mapping[str, Tensor],
        decay: float,
        blend: float,
    ) -> None:
        """
        Args:
            initial: weights to blend with.
            decay: of the average; 0 = the weights of the last step.
            blend: fraction of the average in the result.
        """
        self._initial, self._decay, self._blend = initial, decay, blend
        self._average = AveragedModel(
            network, multi_avg_fn=self._move, use_buffers=True
        )

    def update(self, network: FaceNetwork) -> None:
        """Take in the weights after a step; those of the first step are the average."""
        self._average.update_parameters(network)

    def _move(
        self,
        average: tuple[Tensor, ...] | list[Tensor],
        now: tuple[Tensor, ...] | list[Tensor],
        steps: Tensor | int,
    ) -> None:
        # Quick at first, to forget the first steps.
        decay = min(self._decay, (1 + int(steps)) / (10 + int(steps)))
        move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        move(average, now, steps)

    def result(self) -> dict[str, Tensor]:
        """The average, blended with the initial weights.

        Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
        2022, eq. 1, of weights: unmasked faces lose nothing and impostors gain.
        """
        return {
            name: torch.lerp(self._initial[name].to(value.device), value, self._blend)
            if value.is_floating_point()
            else value
            for name, value in self._average.module.state_dict().items()
        }

    def state(self) -> dict[str, Tensor]:
        """What `load` goes on from: the average and its number of steps."""
        return self._average.state_dict()

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a saved average."""
        self._average.load_state_dict(dict(state))
