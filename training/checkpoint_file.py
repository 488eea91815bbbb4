"""The outside of a checkpoint file: what it is, and whether it is whole."""

from __future__ import annotations

from pathlib import Path

from masking.errors import BadRecord, MissingInput
from masking.image_files import file_sha256, write_bytes

MAGIC = b"masked-faces checkpoint\n"
_HASH_LENGTH = 64
REMEDY = "Copy it again or run: python cli.py train"


def write_content(path: Path, content: bytes) -> None:
    """Write a checkpoint with its hash: a crash leaves the old file or the new."""
    write_bytes(path, MAGIC + file_sha256(content).encode() + b"\n" + content)


def read_content(path: Path) -> bytes:
    """What `write_content` was given.

    Raises:
        MissingInput: the file cannot be read.
        BadRecord: it is no checkpoint, damaged or cut short.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingInput(
            f"{path}: cannot be read ({error.strerror or error}). Run: python cli.py "
            "train"
        ) from error
    start = len(MAGIC) + _HASH_LENGTH + 1
    if not data.startswith(MAGIC):
        raise BadRecord(
            f"{path}: not a checkpoint: begins with {data[:12]!r}, expected "
            f"{MAGIC[:12]!r}. Give a file that python cli.py train wrote."
        )
    wanted = data[len(MAGIC) : start - 1].decode("ascii", errors="replace")
    found = file_sha256(data[start:])
    if found != wanted:
        raise BadRecord(
            f"{path}: damaged or cut short: its content has the SHA-256 {found[:12]}, "
            f"expected {wanted[:12]}. {REMEDY}"
        )
    return data[start:]
