"""What lies in a gallery's folder beside its database: backups, half-made databases.

Half-made databases hold whole people. Whoever makes one shares the lock of the
gallery's folder meanwhile. Whoever has that lock alone knows that all half-made ones
were left by killed processes.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from masking.errors import ToolkitError
from masking.files.writing import PREFIX, folder_locked

BACKUPS = "backups"
# Files that a restored backup replaced: evidence, and perhaps more than the backup.
DAMAGED = "damaged"
SUFFIX = ".sqlite"
NEW_PREFIX = ".new-"
# Long enough for another process to copy a large gallery.
WAIT_S = 60.0
_log = logging.getLogger(__name__)


def backup_files(folder: Path) -> list[Path]:
    """All backups, the newest first; their names begin with their time."""
    return sorted((folder / BACKUPS).glob(f"[0-9]*{SUFFIX}"), reverse=True)


def rescue_advice(folder: Path) -> str:
    """What to do about a damaged gallery, as the end of a message."""
    found = backup_files(folder)
    if not found:
        return "Put back a copy of it, or move the folder away and enroll again."
    return (
        f"Put back a copy of it: the newest backup is {found[0]}. Run: python cli.py "
        "gallery restore"
    )


@contextmanager
def temporary_database(folder: Path, prefix: str) -> Iterator[Path]:
    """An empty file for a database, private to its owner.

    At the end it is deleted with SQLite's files beside it, unless the block moved it.
    """
    # mkstemp makes it 0600; SQLite gives its log the mode of the main file.
    handle, name = tempfile.mkstemp(dir=folder, prefix=prefix)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(name + suffix).unlink(missing_ok=True)


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """The block makes a database in a gallery's folder, and nobody sweeps it.

    Raises:
        ToolkitError: another process erases or restores for too long.
    """
    with folder_locked(folder, WAIT_S, shared=True) as held:
        if not held:
            raise _in_use(folder)
        yield


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """For the block nobody makes a database in a gallery's folder; none is left.

    Raises:
        ToolkitError: another process makes one for too long.
        OSError: a half-made one cannot be deleted.
    """
    with folder_locked(folder, WAIT_S) as held:
        if not held:
            raise _in_use(folder)
        for path in _leftovers(folder):
            path.unlink(missing_ok=True)
        yield


def sweep_leftovers(folder: Path) -> None:
    """Delete half-made databases, unless somebody may be at them."""
    if not _leftovers(folder):
        return
    try:
        with folder_locked(folder, 0.0) as held:
            for path in _leftovers(folder) if held else []:
                path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s: a half-made file stays: %s", folder, error)


def _leftovers(folder: Path) -> list[Path]:
    """With the journals that SQLite writes beside them."""
    return [*folder.glob(f"{NEW_PREFIX}*"), *(folder / BACKUPS).glob(f"{PREFIX}*")]


def _in_use(folder: Path) -> ToolkitError:
    return ToolkitError(
        f"{folder}: another process has been making, restoring or erasing a copy of "
        f"the gallery for {WAIT_S:.0f} s. Try again when it has ended."
    )
