"""dlib's face recognition network as a torch module.

Source: Davis King, examples/dnn_face_recognition_ex.cpp of dlib (the network),
He et al., "Deep Residual Learning", CVPR 2016 (its blocks).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masking.faces.alignment import ChipGeometry
from training.backbones.base import FaceNetwork

DIMENSION = 128
STEM_CHANNELS = 32
HEAD_CHANNELS = 256
# Channels of each block and whether it halves the picture, from the input on.
BLOCKS: tuple[tuple[int, bool], ...] = (
    *[(32, False)] * 3,
    (64, True),
    *[(64, False)] * 3,
    (128, True),
    *[(128, False)] * 2,
    (256, True),
    *[(256, False)] * 2,
    (256, True),
)
_STAGES = (32, 64, 128, 256)


class Stem(nn.Module):
    """(N, 3, 150, 150) RGB in 0 to 255 to (N, 32, 35, 35) maps."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.first = nn.Conv2d(3, STEM_CHANNELS, 7, stride=2)

    def forward(self, chips: Tensor) -> Tensor:
        centred = (chips.float() - self.mean[:, None, None]) / 256
        return F.max_pool2d(F.relu(self.first(centred)), 3, stride=2)


class Block(nn.Module):
    """Two convolutions beside a skip path; `halve` is dlib's residual_down."""

    def __init__(self, channels_in: int, channels: int, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.extra_channels = channels - channels_in
        # dlib pads stride-2 convolutions with nothing, unlike usual ResNets.
        stride, padding = (2, 0) if halve else (1, 1)
        self.first = nn.Conv2d(channels_in, channels, 3, stride, padding)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        main = self.second(F.relu(self.first(maps)))
        if not self.halve:
            return F.relu(main + maps)
        skip = F.avg_pool2d(maps, 2)
        # dlib's add_prev fills whatever either path lacks with zeros: channels at
        # the end, and rows and columns at the bottom and right (even sides halve
        # to one pixel more by pooling than by the unpadded convolution).
        if self.extra_channels:
            skip = F.pad(skip, (0, 0, 0, 0, 0, self.extra_channels))
        rows = skip.shape[2] - main.shape[2]
        columns = skip.shape[3] - main.shape[3]
        if rows or columns:
            main = F.pad(main, (0, columns, 0, rows))
        return F.relu(main + skip)


class Head(nn.Module):
    """(N, 256, h, w) maps to (N, 128) float32 embeddings, not normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(HEAD_CHANNELS, DIMENSION, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        # Costs nothing in float32, and bfloat16 would round embeddings to 3 digits.
        with torch.autocast(maps.device.type, enabled=False):
            embeddings: Tensor = self.project(maps.float().mean(dim=(2, 3)))
            return embeddings


class DlibFaceNet(FaceNetwork):
    """dlib's 29-convolution face network, affine layers folded into convolutions.

    Unfolded, its filters are so small and its gammas so large that usual learning
    rates wreck it within a few steps; folded, it trains like any ResNet. A new one
    has random weights; `dlib_weights.read_dlib_network` gives the trained ones.
    """

    backbone, dimension, normalised = "dlib", DIMENSION, False
    geometry = ChipGeometry()

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        blocks = []
        channels_in = STEM_CHANNELS
        for channels, halve in BLOCKS:
            blocks.append(Block(channels_in, channels, halve))
            channels_in = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = Head()

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> DlibFaceNet:
        """A network with a copy of these weights, as `state_dict` gives them.

        Raises:
            RuntimeError: names or shapes are not those of this network.
        """
        # Random weights that are overwritten at once would cost time and, worse,
        # advance torch's random state in the middle of somebody's training.
        with torch.device("meta"):
            network = cls()
        copies = {name: tensor.clone() for name, tensor in state.items()}
        network.load_state_dict(copies, assign=True)
        return network

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 150, 150) uint8 or float RGB in 0 to 255 to (N, 128) float32.

        Embeddings are compared by Euclidean distance; dlib accepts below 0.6.
        """
        embeddings: Tensor = self.head(self.blocks(self.stem(chips)))
        return embeddings

    def stages(self) -> tuple[nn.Sequential, ...]:
        """Stem and 32 channels, 64, 128, 256, head.

        The second gives (N, 64, 17, 17) maps, the smallest that are worth caching.
        """
        parts = [nn.Sequential(self.stem)]
        for (channels, _), block in zip(BLOCKS, self.blocks, strict=True):
            if channels == _STAGES[len(parts) - 1]:
                parts[-1].append(block)
            else:
                parts.append(nn.Sequential(block))
        return (*parts, nn.Sequential(self.head))
