"""Reads whole files: those that a user named, and those that ship with a package.

The latter are checked against a table of their hashes, which is what `sha256sum` prints
and `sha256sum -c` reads. Libraries in C crash at damaged models, or find other faces
and distances."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

from masking.errors import BadRecord, InvalidConfig, MissingInput
from masking.files.shown_text import normal_form
from masking.files.writing import write_bytes

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
            "photograph in: curl -s ADDRESS | python cli.py identify -. A camera: "
            "identify --camera ADDRESS."
        )


# The table of the files that lie beside it.
TABLE = "SHA256SUMS"
_AT_ONCE = 1 << 20


def shipped_file(path: Path) -> Path:
    """A file of this project, once its hash is known to be right.

    Raises:
        MissingInput, BadRecord: as `checked_file`.
    """
    return checked_file(path, path.with_name(TABLE), "Install this program again.")


@cache
def checked_file(path: Path, table: Path, remedy: str) -> Path:
    """A file, once its hash is known to be the one of a table; a process looks once.

    Hashing takes 0.1 s for 100 MB on processors with SHA instructions.

    Args:
        remedy: a sentence that says where the file comes from.

    Raises:
        MissingInput: the file or the table cannot be read.
        BadRecord: the file has another hash, or none in the table.
    """
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
        found = _sha256(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MissingInput(
            f"{error.filename or path}: cannot be read ({reason}). {remedy}"
        ) from error
    wanted = {
        name: digest for digest, _, name in (line.partition("  ") for line in lines)
    }
    if found != wanted.get(path.name):
        expected = wanted.get(path.name, "none")[:12]
        raise BadRecord(
            f"{path}: damaged: its SHA-256 begins with {found[:12]}, expected "
            f"{expected}. {remedy}"
        )
    return path


def write_table(folder: Path) -> None:
    """Write the table of all files of a folder."""
    files = sorted(path for path in folder.iterdir() if path.name != TABLE)
    text = "".join(f"{_sha256(path)}  {path.name}\n" for path in files)
    write_bytes(folder / TABLE, text.encode())


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()
