"""The networks that can be trained, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from masking.errors import InvalidConfig
from training.backbones.base import FaceNetwork
from training.backbones.dlib_network import DlibFaceNet
from training.backbones.iresnet import IResNet
from training.backbones.mobilefacenet import MobileFaceNet
from training.backbones.timm_network import PREFIX, TimmNetwork

BACKBONES: dict[str, Callable[[], FaceNetwork]] = {
    "dlib": DlibFaceNet,
    "mobilefacenet": MobileFaceNet,
    "iresnet18": partial(IResNet, "iresnet18", (2, 2, 2, 2)),
    "iresnet34": partial(IResNet, "iresnet34", (3, 4, 6, 3)),
    "iresnet50": partial(IResNet, "iresnet50", (3, 4, 14, 3)),
    "iresnet100": partial(IResNet, "iresnet100", (3, 13, 30, 3)),
}


def make_network(backbone: str, seed: int = 0) -> FaceNetwork:
    """A network with random weights, the same ones for the same seed.

    Torch's random state is left as it was: a network that is about to be filled
    must not change somebody's training.

    Args:
        backbone: a key of BACKBONES, or "timm:" and a name of timm's.

    Raises:
        InvalidConfig: no such backbone.
        MissingInput: timm is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if backbone.startswith(PREFIX):
            return TimmNetwork(backbone.removeprefix(PREFIX))
        if backbone in BACKBONES:
            return BACKBONES[backbone]()
    raise InvalidConfig(
        f"unknown backbone {backbone!r}, expected {', '.join(BACKBONES)} or "
        f"{PREFIX}NAME"
    )


def network_of(backbone: str, state: Mapping[str, Tensor]) -> FaceNetwork:
    """A backbone with a copy of these weights, as its `state_dict` gives them.

    Raises:
        InvalidConfig, MissingInput: as in `make_network`.
        RuntimeError: names or shapes are not those of this network.
    """
    if backbone == DlibFaceNet.backbone:
        return DlibFaceNet.from_state(state)
    network = make_network(backbone)
    network.load_state_dict(dict(state))
    return network
