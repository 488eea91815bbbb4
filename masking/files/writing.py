"""Writes files: whole or not at all, private where people are in them, JSON for all.

A writer holds a lock on its unfinished file, or on the folder that it works in, which
tells files that are being written from those that a killed process left. The system
frees the locks of a process that ends in any way.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

# What names of unfinished files begin with.
PREFIX = ".writing-"
_PAUSE_S = 0.05
PRIVATE_MODE = 0o700


def unfinished_file(path: Path) -> IO[bytes]:
    """A new file, locked until it is closed.

    Raises:
        OSError: it cannot be made, or is there already.
    """
    while True:
        file = path.open("xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        # A sweep may have come between making and locking it.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.lstat()):
                return file
        file.close()


def sweep_unfinished(folder: Path) -> int:
    """Delete the unfinished files below a folder that no process writes any more.

    Links are not followed.

    Returns:
        How many are gone.

    Raises:
        OSError: one of them cannot be deleted.
    """
    count = 0
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            if name.startswith(PREFIX) and not path.is_symlink():
                count += _swept(path)
    return count


def _swept(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(handle)
    return True


@contextmanager
def folder_locked(folder: Path, wait_s: float, shared: bool = False) -> Iterator[bool]:
    """Hold a folder's lock for the block; False when others kept it for `wait_s`.

    Args:
        shared: with others who share it, but not with one who does not.

    Raises:
        OSError: the folder cannot be opened.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _locked(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait_s)
    finally:
        os.close(handle)


def _locked(handle: int, kind: int, wait_s: float) -> bool:
    end = time.monotonic() + wait_s
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(_PAUSE_S)


def private_folder(path: Path) -> Path:
    """Make a folder, and those above it that are missing, with mode 0700.

    One that is there keeps its mode, which somebody may have chosen.

    Raises:
        OSError: it cannot be made.
    """
    # Path.mkdir(parents=True) gives the mode to the last of them alone.
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=PRIVATE_MODE, exist_ok=True)
    return path


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new, never half."""
    with replaced_file(path) as file:
        file.write(data)


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` when all went well.

    It lies in the same folder, which is made when it is not there.
    """
    temporary = path.with_name(f"{PREFIX}{token_hex(8)}")
    try:
        with _new_file(temporary) as file:
            yield file
            file.flush()
            # Before it is closed: then it is locked no more, and might be swept.
            temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.filename not in (None, str(temporary)):
            raise
        # A full disk names no file and other errors name the temporary one.
        reason = error.strerror or str(error)
        raise OSError(error.errno, reason, str(path)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _new_file(path: Path) -> IO[bytes]:
    try:
        return unfinished_file(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return unfinished_file(path)


def strict_json(record: Any, indent: int | None = None) -> str:
    """A record as JSON, in ASCII so that names of files fit that are no UTF-8.

    Args:
        record: dicts, lists, tuples, str, int, float, bool and None.
    """
    return json.dumps(_finite(record), indent=indent, allow_nan=False)


def _finite(record: Any) -> Any:
    if isinstance(record, float):
        return record if math.isfinite(record) else None
    if isinstance(record, Mapping):
        return {key: _finite(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [_finite(value) for value in record]
    return record


# Some 20,000 answers of `identify` with five candidates each.
MOST_BYTES_OF_RECORDS = 16_000_000

Record = dict[str, Any]


def append_records(path: Path, lines: Iterable[str]) -> None:
    """Add lines to a file of records, one of JSON a line, that many processes write.

    When it is larger than MOST_BYTES_OF_RECORDS, its older half goes.

    Raises:
        OSError: it cannot be written.
    """
    private_folder(path.parent)
    with _file_locked(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        size = file.seek(0, os.SEEK_END)
        if size > MOST_BYTES_OF_RECORDS:
            file.seek(size - MOST_BYTES_OF_RECORDS // 2)
            # The line that this is the middle of goes as well.
            file.readline()
            with replaced_file(path) as shorter:
                shorter.writelines(file)


def forget_records(path: Path, gone: Callable[[Record], bool]) -> list[Record]:
    """Take records out; half lines that a killed process left go as well.

    Returns:
        Those that stay.

    Raises:
        OSError: it cannot be rewritten.
    """
    if not path.is_file():
        return []
    kept: list[Record] = []
    with _file_locked(path) as file, replaced_file(path) as rewritten:
        file.seek(0)
        for line in file:
            with suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict) and not gone(record):
                    rewritten.write(line)
                    kept.append(record)
    return kept


@contextmanager
def _file_locked(path: Path) -> Iterator[IO[bytes]]:
    """The file, for this process alone."""
    while True:
        with path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Another process may have put a shorter one in its place.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    yield file
                    return
