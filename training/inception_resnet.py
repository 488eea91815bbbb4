"""Inception-ResNet v1, in the key layout of facenet-pytorch.

Source: Szegedy et al., "Inception-v4, Inception-ResNet", AAAI 2017, figures 10 to 15;
the numbers of channels are those of David Sandberg's facenet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from training.face_network import MTCNN_CHIP, FaceNetwork, InFloat32, Scale

_EPSILON = 0.001


class BasicConv2d(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, size: Any, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, bias=False, **options)
        self.bn = nn.BatchNorm2d(outputs, eps=_EPSILON)

    def forward(self, maps: Tensor) -> Tensor:
        active: Tensor = self.bn(self.conv(maps)).relu()
        return active


def _chain(inputs: int, *steps: tuple[int, Any, Any, Any]) -> nn.Sequential:
    """Convolutions in a row; a step is (outputs, size, stride, padding)."""
    layers = []
    for outputs, size, stride, padding in steps:
        layers.append(
            BasicConv2d(inputs, outputs, size, stride=stride, padding=padding)
        )
        inputs = outputs
    return nn.Sequential(*layers)


class Residual(nn.Module):
    """Branches, joined and projected, are added to the input at a small scale."""

    def __init__(
        self, channels: int, scale: float, branches: list[nn.Module], joined: int
    ) -> None:
        super().__init__()
        self.scale = scale
        self.active = True
        for number, branch in enumerate(branches):
            self.add_module(f"branch{number}", branch)
        self.conv2d = nn.Conv2d(joined, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        parts = [m(maps) for n, m in self.named_children() if n.startswith("branch")]
        added: Tensor = self.conv2d(torch.cat(parts, 1)) * self.scale + maps
        return added.relu() if self.active else added


class Reduction(nn.Module):
    """Branches that halve the maps, and their max pool, side by side."""

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        for number, branch in enumerate([*branches, nn.MaxPool2d(3, 2)]):
            self.add_module(f"branch{number}", branch)

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([branch(maps) for branch in self.children()], 1)


def _block35() -> Residual:
    three = (32, 3, 1, 1)
    branches: list[nn.Module] = [
        BasicConv2d(256, 32, 1),
        _chain(256, (32, 1, 1, 0), three),
        _chain(256, (32, 1, 1, 0), three, three),
    ]
    return Residual(256, 0.17, branches, 96)


def _block17() -> Residual:
    wide, high = (128, (1, 7), 1, (0, 3)), (128, (7, 1), 1, (3, 0))
    branches: list[nn.Module] = [
        BasicConv2d(896, 128, 1),
        _chain(896, (128, 1, 1, 0), wide, high),
    ]
    return Residual(896, 0.1, branches, 256)


def _block8(scale: float) -> Residual:
    wide, high = (192, (1, 3), 1, (0, 1)), (192, (3, 1), 1, (1, 0))
    branches: list[nn.Module] = [
        BasicConv2d(1792, 192, 1),
        _chain(1792, (192, 1, 1, 0), wide, high),
    ]
    return Residual(1792, scale, branches, 384)


class InceptionResnetV1(FaceNetwork):
    """(N, 3, 160, 160) RGB chips to (N, 512) features, 23 million weights.

    A new one has random weights; `load_published` takes facenet-pytorch's files.
    """

    backbone, dimension, geometry = "inception-resnet-v1", 512, MTCNN_CHIP

    def __init__(self) -> None:
        super().__init__()
        self.scale = Scale((127.5,) * 3, (128.0,) * 3)
        self.conv2d_1a = BasicConv2d(3, 32, 3, stride=2)
        self.conv2d_2a = BasicConv2d(32, 32, 3)
        self.conv2d_2b = BasicConv2d(32, 64, 3, padding=1)
        self.maxpool_3a = nn.MaxPool2d(3, 2)
        self.conv2d_3b = BasicConv2d(64, 80, 1)
        self.conv2d_4a = BasicConv2d(80, 192, 3)
        self.conv2d_4b = BasicConv2d(192, 256, 3, stride=2)
        self.repeat_1 = nn.Sequential(*[_block35() for _ in range(5)])
        halve = BasicConv2d(256, 384, 3, stride=2)
        down = _chain(256, (192, 1, 1, 0), (192, 3, 1, 1), (256, 3, 2, 0))
        self.mixed_6a = Reduction([halve, down])
        self.repeat_2 = nn.Sequential(*[_block17() for _ in range(10)])
        one = (256, 1, 1, 0)
        self.mixed_7a = Reduction(
            [
                _chain(896, one, (384, 3, 2, 0)),
                _chain(896, one, (256, 3, 2, 0)),
                _chain(896, one, (256, 3, 1, 1), (256, 3, 2, 0)),
            ]
        )
        self.repeat_3 = nn.Sequential(*[_block8(0.2) for _ in range(5)])
        self.block8 = _block8(1.0)
        self.block8.active = False
        self.last_linear = nn.Linear(1792, self.dimension, bias=False)
        self.last_bn = nn.BatchNorm1d(self.dimension, eps=_EPSILON)

    def stages(self) -> tuple[nn.Sequential, ...]:
        """Stem and 35 px blocks, 17 px blocks, 8 px blocks, head."""
        stem = (self.conv2d_1a, self.conv2d_2a, self.conv2d_2b, self.maxpool_3a)
        rest = (self.conv2d_3b, self.conv2d_4a, self.conv2d_4b)
        pool = nn.AdaptiveAvgPool2d(1)
        head = InFloat32(pool, nn.Flatten(1), self.last_linear, self.last_bn)
        return (
            nn.Sequential(self.scale, *stem, *rest, self.repeat_1),
            nn.Sequential(self.mixed_6a, self.repeat_2),
            nn.Sequential(self.mixed_7a, self.repeat_3, self.block8),
            nn.Sequential(head),
        )

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 160, 160) uint8 or float RGB in 0 to 255 to (N, 512) features."""
        features: Tensor = chips
        for stage in self.stages():
            features = stage(features)
        return features

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """As in `FaceNetwork`; the classes of its first training are left out.

        Raises:
            RuntimeError: names or shapes are not those of this network.
        """
        kept = {n: t for n, t in state.items() if not n.startswith("logits.")}
        super().load_published(kept)
