"""Backups of the database: made once a day, put back, and erased from too."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Collection
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

from index.gallery.storage.database import (
    BACKUPS,
    DAMAGED,
    FILE_NAME,
    NEW_PREFIX,
    SUFFIX,
    TIME_FORMAT,
    alone,
    backup_files,
    making,
    reported,
    temporary_database,
)
from index.gallery.storage.erased_people import ErasedPeople
from masking.errors import BadRecord, MissingInput, ToolkitError
from masking.files.writing import PREFIX

KEPT = 2


def back_up(connection: sqlite3.Connection, folder: Path) -> Path:
    """Copy an open gallery, while others use it; keeps the KEPT newest copies.

    The copy gets an identity of its own: search files of the original would
    answer for it with people whom it does not hold.

    Raises:
        BadRecord: the copy is damaged, so the gallery is; no backup was replaced.
        ToolkitError: it cannot be written.
    """
    home = folder / BACKUPS
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        with making(folder):
            return _back_up(connection, folder, home)
    except OSError as error:
        raise ToolkitError(
            f"{home}: a backup cannot be written ({error.strerror or error}). Make the "
            "folder writable."
        ) from error


def _back_up(connection: sqlite3.Connection, folder: Path, home: Path) -> Path:
    with temporary_database(home, PREFIX) as writing:
        with reported(writing), closing(sqlite3.connect(writing)) as copy:
            connection.backup(copy)
            # Not WAL: the copy has to be whole in one file.
            copy.execute("PRAGMA journal_mode=DELETE").fetchall()
            check_copy(copy, writing)
            with copy:
                change = "UPDATE meta SET value = ? WHERE key = 'gallery_id'"
                copy.execute(change, (uuid.uuid4().hex,))
        final = writing.rename(home / f"{_now()}{SUFFIX}")
    for old in backup_files(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return final


def erase_from_copies(
    folder: Path, erased: ErasedPeople, kept: Collection[tuple[int, str]]
) -> None:
    """Delete people from every backup; what cannot be searched for them goes whole.

    Args:
        kept: number and SHA-256 of photos that somebody still has, whoever else was
            erased with the same photograph.

    Raises:
        OSError: something could not be deleted.
        ToolkitError: another process makes a copy for too long.
    """
    with alone(folder):
        _erase_from_all(folder, erased, kept)


def _erase_from_all(
    folder: Path, erased: ErasedPeople, kept: Collection[tuple[int, str]]
) -> None:
    damaged = folder / DAMAGED
    if damaged.exists():
        shutil.rmtree(damaged)
    for path in backup_files(folder):
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                _erase(connection, erased, kept)
            # One that a kill left behind, and that SQLite had no need of.
            path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            # Nobody could tell whom a damaged copy still holds.
            path.unlink(missing_ok=True)


def _erase(
    connection: sqlite3.Connection,
    erased: ErasedPeople,
    kept: Collection[tuple[int, str]],
) -> None:
    for setting in ("secure_delete=ON", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}").fetchall()
    for person_id, name in connection.execute("SELECT id, name FROM people").fetchall():
        photos = "SELECT sha256 FROM photos WHERE person_id = ?"
        shas = {row[0] for row in connection.execute(photos, (person_id,))}
        # After an older backup was put back, others get numbers that this one knows.
        same = person_id in erased.person_ids and shas & erased.sha256s
        if same or name in erased.names:
            connection.execute("DELETE FROM people WHERE id = ?", (person_id,))
    # A photo that was moved lies in older copies with whom it was taken for.
    rows = connection.execute("SELECT id, person_id, sha256 FROM photos").fetchall()
    for photo_id, person_id, sha256 in rows:
        if sha256 in erased.sha256s and (person_id, sha256) not in kept:
            connection.execute("DELETE FROM photos WHERE id = ?", (photo_id,))
    connection.execute(
        "DELETE FROM people WHERE id NOT IN (SELECT person_id FROM photos)"
    )
    # A copy of a gallery whose erasure was under way says whom it was of.
    connection.execute(
        "UPDATE meta SET value = '' WHERE key = 'erasure_pending' AND value <> ''"
    )
    if connection.total_changes:
        connection.execute("VACUUM")


def check_copy(connection: sqlite3.Connection, path: Path) -> None:
    """Raise BadRecord unless SQLite finds a copy whole."""
    # Not quick_check: that does not compare values with their second copies.
    (line,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if line != "ok":
        raise BadRecord(f"{path}: damaged ({line}).")


def backup_to_restore(folder: Path, backup: Path | None) -> Path:
    """A backup that SQLite finds whole; the newest for None.

    Raises:
        MissingInput: there is no backup.
        BadRecord: it is damaged.
    """
    found = [backup] if backup else backup_files(folder)
    if not found or not found[0].is_file():
        where = backup or folder / BACKUPS
        raise MissingInput(f"{where}: there is no backup to put back.")
    with reported(found[0]), closing(sqlite3.connect(found[0])) as connection:
        check_copy(connection, found[0])
    return found[0]


def put_back(folder: Path, backup: Path) -> None:
    """A copy of a backup as the gallery's file; what was there is set aside.

    Raises:
        OSError: something cannot be written.
        ToolkitError: another process makes a copy for too long.
    """
    path = folder / FILE_NAME
    aside = folder / DAMAGED / _now()
    with alone(folder), temporary_database(folder, NEW_PREFIX) as copy:
        shutil.copyfile(backup, copy)
        with reported(copy), closing(sqlite3.connect(copy)) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        aside.mkdir(mode=0o700, parents=True)
        # The log first: SQLite would replay that of the old file into the new one.
        for suffix in ("-wal", "-shm", ""):
            old = path.with_name(path.name + suffix)
            if old.exists():
                old.rename(aside / old.name)
        copy.replace(path)


def _now() -> str:
    return datetime.now(timezone.utc).strftime(TIME_FORMAT)
