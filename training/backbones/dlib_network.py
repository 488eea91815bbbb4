"""dlib's face recognition network as a torch module, from and to dlib's own file.

Source: Davis King, examples/dnn_face_recognition_ex.cpp of dlib (the network),
He et al., "Deep Residual Learning", CVPR 2016 (its blocks).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from masking.errors import BadRecord
from masking.faces.alignment import ChipGeometry
from masking.files.model_files import RECOGNITION, dlib_model
from masking.files.writing import write_bytes
from masking.landmarks import Float32
from training.backbones.base import FaceNetwork
from training.backbones.dlib_file import DlibFile, DlibLayer, read_dlib_file

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
    has random weights; `read_dlib_network` gives the trained ones.
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


def fold(
    filters: Float32, bias: Float32, gamma: Float32, beta: Float32
) -> tuple[Float32, Float32]:
    """One convolution that equals a convolution followed by an affine layer.

    gamma * (filters x + bias) + beta = (gamma * filters) x + (gamma * bias + beta)

    Args:
        filters: (out, in, kh, kw).
        bias: (out,), like gamma and beta.

    Returns:
        Filters and bias of the same shapes, rounded once, from float64.
    """
    scale = gamma.astype(np.float64)
    folded = scale[:, None, None, None] * filters
    shift = scale * bias + beta
    return folded.astype(np.float32), shift.astype(np.float32)


def read_dlib_network(path: Path | None = None) -> DlibFaceNet:
    """The network of a dlib file with its affine layers folded.

    Args:
        path: a .dat file; by default the one that dlib's author published.

    Raises:
        MissingInput: the file is not there.
        BadRecord: it is damaged or holds another network.
    """
    if path is None:
        return DlibFaceNet.from_state(_published(dlib_model(RECOGNITION)))
    return DlibFaceNet.from_state(_folded(path))


@lru_cache(maxsize=1)
def _published(path: Path) -> dict[str, Tensor]:
    """Read once: a training starts from it, is taught by it and compared with it."""
    return _folded(path)


def _folded(path: Path) -> dict[str, Tensor]:
    """The weights of a dlib file, with its affine layers folded."""
    file = read_dlib_file(path)
    with torch.device("meta"):
        shapes = DlibFaceNet()
    _check_layers(file, shapes)
    state = {"stem.mean": torch.tensor(file.mean_rgb)}
    for (name, target), convolution, affine in zip(
        _named_convolutions(shapes),
        _named(file, "con_4"),
        _named(file, "affine_"),
        strict=True,
    ):
        values = file.floats(convolution)
        gamma, beta = np.split(file.floats(affine), 2)
        outputs = target.out_channels
        filters = values[:-outputs].reshape(target.weight.shape)
        filters, bias = fold(filters, values[-outputs:], gamma, beta)
        state[f"{name}.weight"] = torch.from_numpy(filters)
        state[f"{name}.bias"] = torch.from_numpy(bias)
    # dlib stores the projection as (in, out), torch as (out, in).
    projection = file.floats(file.layers[-1]).reshape(HEAD_CHANNELS, DIMENSION)
    state["head.project.weight"] = torch.from_numpy(projection.T.copy())
    return state


def write_dlib_file(network: DlibFaceNet, path: Path) -> None:
    """Write a network as a .dat that dlib's `face_recognition_model_v1` loads.

    It is the published file with its floats replaced.

    Raises:
        MissingInput: the published file is not there.
        BadRecord: the published file is damaged.
    """
    file = read_dlib_file(dlib_model(RECOGNITION))
    _check_layers(file, network)
    values: dict[DlibLayer, Float32] = {}
    for (_, source), convolution, affine in zip(
        _named_convolutions(network),
        _named(file, "con_4"),
        _named(file, "affine_"),
        strict=True,
    ):
        bias = _floats(_bias(source))
        filters = _floats(source.weight).ravel()
        values[convolution] = np.concatenate([filters, bias])
        # The filters do what the affine layer did: gamma is 1, beta 0.
        values[affine] = np.concatenate([np.ones_like(bias), np.zeros_like(bias)])
    values[file.layers[-1]] = _floats(network.head.project.weight).T.ravel()
    write_bytes(path, file.with_floats(values))


def _check_layers(file: DlibFile, network: DlibFaceNet) -> None:
    """Refuse a file whose layers are not those of the network, in its order."""
    wanted = _wanted_layers(network)
    found = [(layer.name, layer.ints, layer.count) for layer in file.layers]
    if found == wanted:
        return
    for place, (one, other) in enumerate(zip(found, wanted, strict=False)):
        if one != other:
            raise BadRecord(
                f"{file.path}: holds another network: layer {place} is {one}, expected "
                f"{other}. Use dlib_face_recognition_resnet_model_v1.dat."
            )
    raise BadRecord(
        f"{file.path}: holds another network: {len(found)} layers, expected "
        f"{len(wanted)}. Use dlib_face_recognition_resnet_model_v1.dat."
    )


def _wanted_layers(network: DlibFaceNet) -> list[tuple[str, tuple[int, ...], int]]:
    """Name, whole numbers and number of floats of each layer in a dlib file."""
    relu, add = ("relu_", (), 0), ("add_prev_", (), 0)
    convolutions = [layer for _, layer in _named_convolutions(network)]
    layers = [*_convolution_layers(convolutions[0]), relu]
    layers.append(("max_pool_2", (3, 3, 2, 2, 0, 0), 0))
    for index, (_, halve) in enumerate(BLOCKS):
        first, second = convolutions[1 + 2 * index : 3 + 2 * index]
        layers += [*_convolution_layers(first), relu, *_convolution_layers(second)]
        if halve:
            layers.append(("avg_pool_2", (2, 2, 2, 2, 0, 0), 0))
        layers += [add, relu]
    layers.append(("avg_pool_2", (0, 0, 1, 1, 0, 0), 0))
    layers.append(("fc_2", (DIMENSION, HEAD_CHANNELS, 1), DIMENSION * HEAD_CHANNELS))
    return layers


def _convolution_layers(
    layer: nn.Conv2d,
) -> list[tuple[str, tuple[int, ...], int]]:
    """What dlib stores for one folded convolution: itself, then its affine layer."""
    outputs, padding = layer.out_channels, layer.padding
    if isinstance(padding, str):
        raise TypeError(f"padding must be in pixels, got {padding!r}")
    ints = (outputs, *layer.kernel_size, *layer.stride, *padding)
    floats = layer.weight.numel() + outputs
    return [("con_4", ints, floats), ("affine_", (0,), 2 * outputs)]


def _named_convolutions(network: DlibFaceNet) -> list[tuple[str, nn.Conv2d]]:
    """The 29 convolutions by name in the state dict, from the input on."""
    return [
        (name, part)
        for name, part in network.named_modules()
        if isinstance(part, nn.Conv2d)
    ]


def _named(file: DlibFile, name: str) -> list[DlibLayer]:
    return [layer for layer in file.layers if layer.name == name]


def _bias(layer: nn.Conv2d) -> Tensor:
    if layer.bias is None:
        raise TypeError("every convolution of a folded network has a bias")
    return layer.bias


def _floats(tensor: Tensor) -> Float32:
    return np.asarray(tensor.detach().cpu().float().numpy(), dtype=np.float32)
