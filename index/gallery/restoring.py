"""Puts a backup in the place of a damaged gallery."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from datetime import datetime, timezone
from pathlib import Path

from index.gallery.gallery import open_gallery
from index.gallery.storage import backup_files
from index.gallery.storage import database as gallery_file
from index.gallery.storage.backup import TIME_FORMAT, check_copy
from index.gallery.storage.database import reported
from index.gallery.storage.leftovers import NEW_PREFIX, alone
from index.gallery.storage.store import GalleryStore
from masking.errors import MissingInput, ToolkitError


def restore(folder: Path, backup: Path | None = None) -> Path:
    """Put a backup in the place of the gallery; what was there is set aside.

    No other process may use the gallery meanwhile.

    Args:
        backup: None takes the newest.

    Returns:
        The backup that was put back; it stays where it is.

    Raises:
        MissingInput: there is no backup.
        BadRecord: the backup is damaged.
    """
    found = [backup] if backup else backup_files.backup_files(folder)
    if not found or not found[0].is_file():
        where = backup or folder / backup_files.FOLDER
        raise MissingInput(f"{where}: there is no backup to put back.")
    with reported(found[0]), closing(sqlite3.connect(found[0])) as connection:
        check_copy(connection, found[0])
    # Whoever was removed a moment ago may be in backups yet: a gallery that is sound
    # enough to be opened finishes that first.
    with suppress(ToolkitError):
        open_gallery(folder).close()
    with alone(folder):
        _put_back(folder, found[0])
    with closing(GalleryStore(folder)) as store, store.changes():
        store.record("restore", None, f"backup {found[0].stem}")
    return found[0]


def _put_back(folder: Path, backup: Path) -> None:
    path = folder / gallery_file.FILE_NAME
    aside = (
        folder / backup_files.DAMAGED / datetime.now(timezone.utc).strftime(TIME_FORMAT)
    )
    handle, name = tempfile.mkstemp(dir=folder, prefix=NEW_PREFIX)
    os.close(handle)
    try:
        shutil.copyfile(backup, name)
        with reported(Path(name)), closing(sqlite3.connect(name)) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        aside.mkdir(mode=0o700, parents=True)
        # The log first: SQLite would replay that of the old file into the new one.
        for suffix in ("-wal", "-shm", ""):
            old = path.with_name(path.name + suffix)
            if old.exists():
                old.rename(aside / old.name)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
