"""Files that ship with a package, checked against a table of their hashes.

A table is what `sha256sum` prints, and what `sha256sum -c` reads: a line a file.
Libraries in C crash at damaged models, or find other faces and distances.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from masking.errors import BadRecord, MissingInput
from masking.files.writing import write_bytes

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
