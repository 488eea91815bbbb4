"""Removes people without a trace: database, log, copies and search files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from index.gallery_backup import erase_from_copies
from index.gallery_copies import drop_copies
from index.gallery_people import delete_person
from index.gallery_store import GalleryStore
from index.generation import drop_generations
from masking.errors import ToolkitError

_CHECKPOINT_ATTEMPTS = 20
_CHECKPOINT_PAUSE_S = 0.05


def erase_people(store: GalleryStore, folder: Path, names: Sequence[str]) -> int:
    """Delete people, then rewrite or delete every file that held them.

    Returns:
        How many photos were erased.

    Raises:
        MissingInput: nobody has one of the names; nothing was removed.
        ToolkitError: removed, but traces are left for now; the next command that
            opens the gallery tries again.
    """
    with store.changes():
        version = store.count_change()
        count = sum(delete_person(store, name, version) for name in names)
        store.set_meta("erasure_pending", "1")
        store.set_meta("last_erasure", str(version))
    left = finish_erasure(store, folder)
    if left:
        raise ToolkitError(
            f"{store.path}: removed, but {left}. Then run: python cli.py gallery list"
        )
    return count


def finish_erasure(store: GalleryStore, folder: Path) -> str:
    """Delete what is derived, and rewrite the rest without those who were removed.

    Returns:
        What is left, and what to do about it; "" when all is done. The next command
        that opens the gallery tries again.
    """
    try:
        drop_generations(folder)
    except OSError as error:
        return f"search files remain ({error}). Make the folder writable"
    try:
        drop_copies(store)
    except ToolkitError as error:
        return f"a copy remains: {error}"
    try:
        removed = store.read("SELECT person_id FROM removed")
        erase_from_copies(folder, {row[0] for row in removed})
    except OSError as error:
        return f"a backup still holds them ({error}). Make the folder writable"
    except ToolkitError as error:
        return f"a backup may still hold them: {error}"
    store.rewrite()
    if not _log_is_emptied(store):
        return (
            "another process is reading the gallery, so old bytes remain in its log. "
            "Close it"
        )
    with store.changes():
        store.set_meta("erasure_pending", "")
    return ""


def _log_is_emptied(store: GalleryStore) -> bool:
    for _ in range(_CHECKPOINT_ATTEMPTS):
        if store.checkpoint():
            return True
        # SQLite waits for readers, but not for another process's checkpoint.
        time.sleep(_CHECKPOINT_PAUSE_S)
    return False
