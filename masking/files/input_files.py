"""Reads whole files that a user named."""

from __future__ import annotations

from pathlib import Path

from masking.errors import MissingInput


def read_input(path: Path, expected: str) -> bytes:
    """The bytes of a file.

    Args:
        expected: what it should be, for the message: "a CSV table".

    Raises:
        MissingInput: it is no file, or cannot be read.
    """
    if not path.is_file():
        raise MissingInput(f"{path}: no such file. Expected {expected}.")
    try:
        return path.read_bytes()
    except OSError as error:
        # A disk that fails in the middle names no file.
        raise MissingInput(
            f"{path}: cannot be read ({error.strerror or error}). Expected {expected}."
        ) from error
