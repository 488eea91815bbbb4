"""The initial weights of a training, and its teacher."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from masking.errors import BadRecord, InvalidConfig
from training.backbones.base import FaceNetwork
from training.backbones.dlib_network import DlibFaceNet, read_dlib_network
from training.backbones.mobilefacenet import MobileFaceNet
from training.backbones.registry import make_network
from training.checkpoints.store import (
    AUTO,
    DLIB_MASKED_NAME,
    SHIPPED_NAME,
    choose_embedder,
)
from training.embedders.checkpoint_file import is_checkpoint
from training.embedders.torch_embedder import (
    NetworkEmbedder,
    best_device,
    dlib_embedder,
)

SCRATCH_NAME = "scratch"
_SHIPPED = {
    MobileFaceNet.backbone: SHIPPED_NAME,
    DlibFaceNet.backbone: DLIB_MASKED_NAME,
}


@dataclass(frozen=True)
class Initialisation:
    """Which network a training starts from, and which one teaches it.

    Attributes:
        student: whose weights it begins with.
        teacher: gives the targets of unmasked chips: dlib's untouched network for
            its own kind, so that the embedding space stays dlib's; other kinds, and
            networks of .dat files, learn from the student as it was. None for random
            weights of another kind.
        warm: the student was trained before, so that the result may be blended
            with it.
    """

    student: NetworkEmbedder
    teacher: NetworkEmbedder | None
    warm: bool


def initialise(
    choice: str, backbone: str, models: Path, device: str, seed: int
) -> Initialisation:
    """The student and the teacher of a training.

    Args:
        choice: "auto" is the shipped embedder of this backbone, or random weights
            where none ships; "scratch", random weights; what `choose_embedder` takes;
            a .dat file of dlib's architecture that others trained; or a file of weights
            that others published for this backbone.
        backbone: "auto" is that of the start, or the shipped embedder's.
        seed: of random weights.

    Raises:
        MissingInput: the file does not exist.
        BadRecord: its weights are of another network.
        InvalidConfig: no such device or backbone, or not that of the start.
    """
    kind = MobileFaceNet.backbone if backbone == AUTO else backbone
    if choice == AUTO:
        choice = _SHIPPED.get(kind, SCRATCH_NAME)
    where = best_device(device)
    if choice == SCRATCH_NAME:
        network = make_network(kind, seed)
        return _with_teacher(NetworkEmbedder(network, SCRATCH_NAME, where), False)
    path = Path(choice)
    if path.suffix == ".dat":
        _check_backbone(choice, DlibFaceNet.backbone, backbone)
        student = NetworkEmbedder(read_dlib_network(path), path.stem, where)
        # Its own space: dlib's would draw it away from what it was chosen for.
        return Initialisation(student, student, True)
    if path.is_file() and not is_checkpoint(path):
        return _with_teacher(_published(path, backbone, where), True)
    start = choose_embedder(choice, models, device, flip_average=False)
    _check_backbone(choice, start.backbone, backbone)
    return _with_teacher(start, True)


def _check_backbone(choice: str, found: str, wanted: str) -> None:
    if wanted not in (AUTO, found):
        raise InvalidConfig(
            f"--init {choice} is a {found} network, but --backbone is {wanted}. Leave "
            f"one of them out, or use --init {SCRATCH_NAME}."
        )


def _with_teacher(student: NetworkEmbedder, warm: bool) -> Initialisation:
    if student.backbone == DlibFaceNet.backbone:
        return Initialisation(student, dlib_embedder(student.device), warm)
    return Initialisation(student, student if warm else None, warm)


def _published(path: Path, backbone: str, device: torch.device) -> NetworkEmbedder:
    if backbone == AUTO:
        raise InvalidConfig(
            f"{path}: does not say of which network its weights are. Add --backbone, "
            "such as iresnet50."
        )
    return NetworkEmbedder(published_network(path, backbone), path.stem, device)


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
