"""The state of an unfinished training on disk: plain values and tensors."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from masking.errors import BadRecord
from masking.files.writing import write_bytes

_HASH_LENGTH = 64


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state so that a crash leaves the old one or the new.

    Raises:
        TypeError: it holds more than plain values and tensors.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    # Found out now, not when a killed training should go on.
    try:
        _loaded(content)
    except Exception as error:
        raise TypeError(f"the state cannot be read back: {error}") from error
    # torch's own file would load with other numbers when a bit of it has turned.
    digest = hashlib.sha256(content).hexdigest()
    write_bytes(path, digest.encode() + b"\n" + content)


def read_state(path: Path) -> dict[str, Any]:
    """What `write_state` was given, tensors on the CPU.

    Raises:
        BadRecord: damaged, or not what `write_state` writes.
    """
    data = path.read_bytes()
    expected, content = data[:_HASH_LENGTH], data[_HASH_LENGTH + 1 :]
    if hashlib.sha256(content).hexdigest().encode() != expected:
        raise BadRecord(
            f"{path}: damaged or cut short: the state of a training that did not end."
        )
    try:
        return dict(_loaded(content))
    # torch raises many types here; all mean that no version of this wrote the file.
    except Exception as error:
        raise BadRecord(
            f"{path}: holds more than plain values and tensors, so it is not opened."
        ) from error


def _loaded(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
