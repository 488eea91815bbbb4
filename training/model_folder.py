"""The models folder of a workspace: checkpoints by fingerprint, and the latest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from masking.errors import BadRecord
from masking.image_files import write_bytes
from training.checkpoint import Checkpoint, round_filters, save_checkpoint

_LATEST = "latest"


def add_checkpoint(models: Path, checkpoint: Checkpoint, half: bool = False) -> Path:
    """Save as `embedder-<fingerprint>.pt` in a models folder; gives the path.

    Args:
        half: as in `save_checkpoint`; the fingerprint is that of the rounded weights.
    """
    if half:
        rounded = {n: t.float() for n, t in round_filters(checkpoint.network).items()}
        checkpoint = dataclasses.replace(checkpoint, network=rounded)
    path = models / f"embedder-{checkpoint.fingerprint[:12]}.pt"
    save_checkpoint(path, checkpoint, half)
    return path


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
