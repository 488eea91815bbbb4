"""Small models as .npz files that come with the project, read without pickle."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord, MissingInput
from masking.files.writing import write_bytes

_VERSION = "format_version"


def read_arrays(
    path: Path, what: str, version: int, names: tuple[str, ...]
) -> list[NDArray[Any]]:
    """The arrays of a file, in the order of their names.

    Args:
        what: the model in words, for errors: "the mask-state model".
        version: the only one that is read.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: damaged, or of another version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingInput(
            f"{path}: {what} cannot be read ({error.strerror or error}). Install again."
        ) from error
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            found = int(file[_VERSION])
            arrays = [file[name] for name in names]
    # A zip file breaks in many ways; all mean that this is no model.
    except Exception as error:
        raise BadRecord(f"{path}: damaged ({error}). Install again.") from error
    if found != version:
        raise BadRecord(
            f"{path}: format version {found}, expected {version}. Install the model "
            "that belongs to this program."
        )
    return arrays


def write_arrays(path: Path, version: int, **arrays: NDArray[Any]) -> None:
    """The reverse of `read_arrays`."""
    buffer = io.BytesIO()
    versioned = {_VERSION: np.array(version, dtype=np.int64)} | arrays
    np.savez_compressed(buffer, allow_pickle=False, **versioned)
    write_bytes(path, buffer.getvalue())
