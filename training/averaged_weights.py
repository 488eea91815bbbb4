"""What a run has come to: averaged weights, blended with those of the start."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from training.face_network import FaceNetwork


class AveragedWeights:
    """A moving average of a network's weights.

    Attributes:
        values: `state_dict` of the average, on the device of the network.
    """

    def __init__(
        self,
        network: FaceNetwork,
        start: Mapping[str, Tensor],
        decay: float,
        blend: float,
    ) -> None:
        """
        Args:
            start: weights to blend with.
            decay: of the average; 0 = the weights of the last step.
            blend: share of the average in the result.
        """
        self.values = {k: v.clone() for k, v in network.state_dict().items()}
        self._start, self._decay, self._blend = start, decay, blend

    @torch.no_grad()
    def update(self, network: FaceNetwork, step: int) -> None:
        """Take in the weights after a step; quick at first, to forget step 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, 1 - decay)
            else:
                self.values[name].copy_(value)

    def result(self) -> dict[str, Tensor]:
        """The average, blended with the start.

        Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
        2022, eq. 1, of weights: bare faces lose nothing and strangers gain.
        """
        return {
            name: torch.lerp(self._start[name].to(value.device), value, self._blend)
            if value.is_floating_point()
            else value
            for name, value in self.values.items()
        }

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Go on from a saved average."""
        for name, value in values.items():
            self.values[name].copy_(value)
