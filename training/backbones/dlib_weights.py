"""Carries weights between dlib's network file and the torch module, both ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from masking.errors import BadRecord
from masking.faces.model_files import RECOGNITION, dlib_model
from masking.files.writing import write_bytes
from masking.landmarks import Float32
from training.backbones.dlib_file import DlibFile, DlibLayer, read_dlib_file
from training.backbones.dlib_network import (
    BLOCKS,
    DIMENSION,
    HEAD_CHANNELS,
    DlibFaceNet,
)


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
    file = read_dlib_file(path or dlib_model(RECOGNITION))
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
    return DlibFaceNet.from_state(state)


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
