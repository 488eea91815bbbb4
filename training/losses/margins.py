"""What margin heads do to the cosine between a face and its own class."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

# acos has infinite slope at +-1.
_EDGE = 1e-6


class Margin(nn.Module):
    """Base of the margins; a larger margin asks for more.

    Attributes:
        usual: the margin that its authors recommend.
    """

    usual: float

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin or self.usual

    def forward(self, cosines: Tensor, lengths: Tensor) -> Tensor:
        """(N,) cosines with the own class and (N,) lengths of features to (N,)."""
        raise NotImplementedError


class ArcFace(Margin):
    """cos(angle + margin), margin in radians.

    Beyond pi - margin, where that would rise again, a straight line.
    Source: Deng et al., "ArcFace", CVPR 2019, eq. 3.
    """

    usual = 0.5

    def forward(self, cosines: Tensor, lengths: Tensor) -> Tensor:
        angles = cosines.clamp(-1 + _EDGE, 1 - _EDGE).acos()
        beyond = cosines - self.margin * math.sin(self.margin)
        inside = angles <= math.pi - self.margin
        return torch.where(inside, (angles + self.margin).cos(), beyond)


class CosFace(Margin):
    """cos(angle) - margin. Source: Wang et al., "CosFace", CVPR 2018, eq. 4."""

    usual = 0.35

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

    usual = 0.4
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
