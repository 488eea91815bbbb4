"""Which model of a workspace commands use by default."""

from __future__ import annotations

from pathlib import Path

from masking.errors import BadRecord, MissingInput
from masking.files.shipped import shipped_file
from masking.files.writing import write_bytes

SHIPPED = Path(__file__).parents[1] / "models" / "embedder.safetensors"
DLIB_NAME = "dlib"
SHIPPED_NAME = "shipped"
_LATEST = "latest"


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
