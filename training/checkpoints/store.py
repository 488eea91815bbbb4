"""The models folder: checkpoints, which of them is used, and what trainings leave.

Imports no torch: commands of a few photos look here, and torch takes seconds.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from masking.errors import BadRecord, MissingInput
from masking.files.shipped import shipped_file
from masking.files.writing import write_bytes

if TYPE_CHECKING:
    from training.checkpoints.checkpoint import Checkpoint

SHIPPED = Path(__file__).parents[1] / "models" / "embedder.safetensors"
DLIB_NAME = "dlib"
SHIPPED_NAME = "shipped"
# The state of a training that did not end, and its files that can be made again.
STATE = "training.pt"
CACHE = "cache"
_LATEST = "latest"
_log = logging.getLogger(__name__)


def set_latest(models: Path, path: Path) -> None:
    """Make a file of the models folder the one that commands use by default.

    Raises:
        ValueError: the file is not in that folder.
    """
    if path.resolve().parent != models.resolve() or not path.is_file():
        raise ValueError(f"{path} is not a file in {models}")
    write_bytes(models / _LATEST, f"{path.name}\n".encode())


def latest_checkpoint(models: Path) -> Path | None:
    """The checkpoint that `set_latest` chose, or None before anything was trained.

    Raises:
        BadRecord: the chosen file is gone, or the record is damaged.
    """
    record = models / _LATEST
    if not record.is_file():
        return None
    name = record.read_bytes().decode(errors="replace").strip()
    # Path(name).name differs where the name would lead out of the folder.
    if not name or Path(name).name != name or not (models / name).is_file():
        raise BadRecord(
            f"{record}: names {name!r}, expected a checkpoint in {models}. Write the "
            "name of one into it, or run: python cli.py train"
        )
    return models / name


def checkpoint_path(choice: str, models: Path) -> Path:
    """The checkpoint that a choice other than DLIB_NAME means.

    Args:
        choice: "auto" is the latest of `models` or, before anything was trained,
            the shipped one; "shipped"; or a file.

    Raises:
        MissingInput: the file does not exist.
        BadRecord: the record of the latest one, or the shipped one, is damaged.
    """
    if choice == SHIPPED_NAME:
        return shipped_file(SHIPPED)
    if choice == "auto":
        return latest_checkpoint(models) or shipped_file(SHIPPED)
    if not Path(choice).is_file():
        raise MissingInput(
            f"{choice}: no such model. Expected auto, {SHIPPED_NAME}, {DLIB_NAME} or "
            "the path of a checkpoint."
        )
    return Path(choice)


def add_checkpoint(models: Path, checkpoint: Checkpoint) -> Path:
    """Save a model as `embedder-<fingerprint>.safetensors`; gives the path."""
    path = models / f"embedder-{checkpoint.fingerprint[:12]}.safetensors"
    save_model(path, checkpoint)
    return path


def save_model(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, and its network as an ONNX file that needs no torch.

    A network that OpenCV does not run is told of, and saved without such a file.

    Raises:
        RuntimeError: the weights are not those of the checkpoint's backbone.
    """
    from training.backbones.registry import network_of
    from training.checkpoints.checkpoint import save_checkpoint
    from training.checkpoints.export_onnx import NotExported, export_quick
    from training.checkpoints.onnx_embedder import exported_path
    from training.embedders.torch_embedder import NetworkEmbedder

    network = network_of(checkpoint.backbone, checkpoint.network)
    embedder = NetworkEmbedder(
        network,
        path.stem,
        flip_average=True,
        geometry=checkpoint.geometry,
        cohort=checkpoint.cohort,
    )
    exported = None
    try:
        exported = export_quick(embedder, exported_path(path))
    except NotExported as reason:
        _log.warning("%s; commands load torch for it, which takes seconds.", reason)
    save_checkpoint(path, checkpoint, exported)


def forget_photos(models: Path, were_trained_on: bool) -> list[Path]:
    """Delete embeddings of photographs; they are made again when wanted.

    Args:
        were_trained_on: whether a training may have seen somebody who is to be
            forgotten; then the state of a run goes too, whose head may hold a vector
            of each person.

    Returns:
        Checkpoints that such a training may have made; empty without one.

    Raises:
        OSError: something cannot be deleted.
    """
    cache = models / CACHE
    if cache.exists():
        shutil.rmtree(cache)
    if not were_trained_on:
        return []
    (models / STATE).unlink(missing_ok=True)
    return sorted(models.glob("embedder-*.*"))
