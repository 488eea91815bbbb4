"""Reads whole files that a user named; addresses, which look like paths, are none."""

from __future__ import annotations

import re
from pathlib import Path

from masking.errors import BadRecord, InvalidConfig, MissingInput
from masking.files.shown_text import normal_form

# `Path` makes one slash of two. One letter is a drive of Windows.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


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


def read_lines(path: Path, expected: str) -> list[str]:
    """The lines of a text file, composed (NFC), without a byte order mark.

    Args:
        expected: what the file should be, for messages.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is no text in UTF-8.
    """
    try:
        text = decoded(read_input(path, expected))
    except UnicodeError as error:
        raise BadRecord(
            f"{path}: no text in UTF-8 ({error}). Expected {expected}."
        ) from error
    return [normal_form(line) for line in text.split("\n")]


def decoded(data: bytes, encoding: str = "utf-8-sig") -> str:
    """Bytes of a text file as text.

    Raises:
        UnicodeError: it is no text in this encoding, or holds the character 0, which
            no name of a file can.
    """
    text = data.decode(encoding)
    if "\0" in text:
        raise UnicodeError(f"a zero byte at character {text.index(chr(0))}")
    return text


def refuse_address(path: str) -> None:
    """Raise an error that helps where a path is a network address.

    Raises:
        InvalidConfig: it is one.
    """
    if _ADDRESS.match(path) and not Path(path).exists():
        raise InvalidConfig(
            f"{path}: network addresses are not read. Give files, or pipe a "
            "photograph in: curl -s ADDRESS | python cli.py identify -"
        )
