"""A private temporary folder that is gone when the run ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "masked-faces-"


@contextmanager
def run_folder() -> Iterator[Path]:
    """A new folder of mode 0700 in the system's temporary one.

    A lock on it tells other runs that it is in use. Folders of runs that were killed
    hold no lock any more, as the system frees it: they are deleted first.
    """
    delete_leftovers()
    folder, handle = _locked_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _locked_folder() -> tuple[Path, int]:
    # Another run may take a folder for a leftover before it is locked: then again.
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        handle = _lock(folder)
        if handle is not None:
            return folder, handle


def delete_leftovers() -> None:
    """Delete the folders of this account's runs that are no longer alive."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        handle = _lock(folder)
        if handle is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)


def _lock(folder: Path) -> int | None:
    """The open folder, locked; None for what is in use, gone or not our own folder.

    Others may write to the temporary folder, too: a link is never followed, and
    what is deleted is what was looked at.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    with suppress(OSError):
        handle = os.open(folder, flags)
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_ours(handle) and os.path.samestat(os.fstat(handle), folder.lstat()):
                return handle
        os.close(handle)
    return None


def _is_ours(handle: int) -> bool:
    return os.fstat(handle).st_uid == os.geteuid()
