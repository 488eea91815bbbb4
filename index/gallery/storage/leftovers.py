"""Half-made databases in a gallery's folder, whole people in them.

Whoever makes one fractions the lock of the gallery's folder meanwhile. Whoever has that
lock alone knows that all half-made ones were left by killed processes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.gallery.storage.backup_files import FOLDER
from masking.errors import ToolkitError
from masking.files.unfinished import PREFIX, folder_locked

NEW_PREFIX = ".new-"
# Long enough for another process to copy a large gallery.
WAIT_S = 60.0
_log = logging.getLogger(__name__)


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
    backups = folder / FOLDER
    return [*folder.glob(f"{NEW_PREFIX}*"), *backups.glob(f"{PREFIX}*")]


def _in_use(folder: Path) -> ToolkitError:
    return ToolkitError(
        f"{folder}: another process has been making, restoring or erasing a copy of "
        f"the gallery for {WAIT_S:.0f} s. Try again when it has ended."
    )
