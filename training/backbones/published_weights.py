"""Weights that others published, as a start: InsightFace, timm."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from masking.errors import BadRecord
from training.backbones.base import FaceNetwork
from training.backbones.registry import make_network


def published_network(path: Path, backbone: str) -> FaceNetwork:
    """A backbone with the weights of a file that holds its state dict.

    Raises:
        BadRecord: it holds no state dict, or one of another network.
        InvalidConfig, MissingInput: as in `backbones.make_network`.
    """
    network = make_network(backbone)
    try:
        network.load_published(_state(path))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
        raise BadRecord(
            f"{path}: its weights do not fit the backbone {backbone}: {reason}. Give "
            "the --backbone that they were trained with."
        ) from error
    return network


def _state(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # torch raises many types here; all mean that it is no file of weights alone.
    except Exception as error:
        raise BadRecord(
            f"{path}: not a file of weights alone. Expected a state dict, as "
            "torch.save writes it, or a whole checkpoint of python cli.py train."
        ) from error
    if not isinstance(content, dict) or not all(
        isinstance(value, Tensor) for value in content.values()
    ):
        raise BadRecord(
            f"{path}: holds {type(content).__name__} of other things than weights. "
            "Expected a state dict: torch.save(network.state_dict(), FILE)."
        )
    return content
