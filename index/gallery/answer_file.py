"""The file of all answers: one JSON line each, of bounded size, by many processes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from masking.files.writing import private_folder, replaced_file

RECORDS = "answers.jsonl"
# Some 20,000 answers with five candidates each. Beyond it the older half goes.
MAX_BYTES = 16_000_000

Record = dict[str, Any]


def append_answers(path: Path, lines: Iterable[str]) -> None:
    """Add lines; when the file is larger than MAX_BYTES, the older half goes.

    Raises:
        OSError: it cannot be written.
    """
    private_folder(path.parent)
    with _locked(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        size = file.seek(0, os.SEEK_END)
        if size > MAX_BYTES:
            file.seek(size - MAX_BYTES // 2)
            # The line that this is the middle of goes as well.
            file.readline()
            with replaced_file(path) as shorter:
                shorter.writelines(file)


def forget_answers(path: Path, gone: Callable[[Record], bool]) -> list[Record]:
    """Take answers out; half lines that a killed process left go as well.

    Returns:
        Those that stay.

    Raises:
        OSError: it cannot be rewritten.
    """
    if not path.is_file():
        return []
    kept: list[Record] = []
    with _locked(path) as file, replaced_file(path) as rewritten:
        file.seek(0)
        for line in file:
            with suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and not gone(record):
                    rewritten.write(line)
                    kept.append(record)
    return kept


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """The file, for this process alone."""
    while True:
        with path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Another process may have put a shorter one in its place.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    yield file
                    return
