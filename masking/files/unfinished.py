"""Files that are being written, told apart from those that a killed process left.

A writer holds a lock on its unfinished file, or on the folder that it works in. The
system frees the locks of a process that ends in any way.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

# What names of unfinished files begin with.
PREFIX = ".writing-"
_PAUSE_S = 0.05


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
