"""The gallery's SQLite file: making, opening, and what can go wrong."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from index.gallery.storage.backup_files import backup_files, rescue_advice
from index.gallery.storage.leftovers import NEW_PREFIX, alone, sweep_leftovers
from index.gallery.storage.schema import FORMAT_VERSION, create_tables
from masking.errors import BadRecord, MissingInput, ToolkitError
from masking.files.private_folder import private_folder

FILE_NAME = "gallery.sqlite"
# Long enough for another process to finish a large write or a VACUUM.
BUSY_TIMEOUT_S = 30.0


def create_file(path: Path, meta: Mapping[str, str]) -> None:
    """Make a new gallery file, private to its owner; one that is there stays.

    It appears whole or not at all, so an empty file is damage and not a start.
    """
    try:
        private_folder(path.parent)
        with alone(path.parent):
            _create(path, meta)
    except OSError as error:
        raise ToolkitError(
            f"{path.parent}: cannot be written ({error.strerror or error}). Choose "
            "another folder with --workspace."
        ) from error


def _create(path: Path, meta: Mapping[str, str]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=NEW_PREFIX)
    # mkstemp made it 0600; SQLite gives its WAL the mode of the main file.
    os.close(handle)
    temporary = Path(name)
    try:
        with reported(path), closing(_settled(temporary)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            with transaction(connection):
                create_tables(connection)
                connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        _publish(temporary, path)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(name + suffix).unlink(missing_ok=True)


def open_file(path: Path) -> sqlite3.Connection:
    """A connection to an existing gallery, in autocommit mode.

    Where its folder cannot be written, all of it can be read and nothing changed.

    Raises:
        MissingInput: no such file.
        BadRecord: damaged, no gallery, or written by a newer version.
    """
    sweep_leftovers(path.parent)
    if not path.is_file():
        raise _no_gallery(path)
    with reported(path):
        connection = _settled(path)
        try:
            _check_format(path, connection)
        except BaseException:
            connection.close()
            raise
    return connection


def _no_gallery(path: Path) -> MissingInput:
    if backup_files(path.parent):
        # As a killed `restore` leaves it.
        return MissingInput(f"{path}: is missing. {rescue_advice(path.parent)}")
    return MissingInput(
        f"{path}: there is no gallery yet. Run: python cli.py train, or enroll "
        "somebody."
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block's changes or none; waits for other writers first."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one line that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ToolkitError(
            f"{path}: the gallery cannot be used ({error}). Check that its folder is "
            "writable, the disk is not full and no other process holds it."
        ) from error
    except sqlite3.DatabaseError as error:
        raise BadRecord(
            f"{path}: the gallery is damaged ({error}). {rescue_advice(path.parent)}"
        ) from error


def is_read_only(path: Path) -> bool:
    """Whether SQLite cannot write the file, or no log beside it."""
    return not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _address(path: Path) -> str:
    if not is_read_only(path):
        return path.absolute().as_uri()
    log = path.with_name(path.name + "-wal")
    # Without immutable, SQLite makes files beside it even to read; with it, it would
    # pass over the changes in a log.
    has_log = log.exists() and log.stat().st_size > 0
    return f"{path.absolute().as_uri()}?mode=ro" + ("" if has_log else "&immutable=1")


def _settled(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        _address(path), BUSY_TIMEOUT_S, isolation_level=None, uri=True
    )
    # secure_delete: what is removed is overwritten. synchronous: whoever was told
    # "added" stays added after a power cut.
    try:
        for setting in ("secure_delete=ON", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {setting}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _check_format(path: Path, connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
    if ("meta",) not in tables.fetchall():
        raise BadRecord(
            f"{path}: this is no gallery, or it was emptied. "
            f"{rescue_advice(path.parent)}"
        )
    found = _format_version(connection)
    if found.isdecimal() and int(found) > FORMAT_VERSION:
        raise BadRecord(
            f"{path}: format version {found} is newer than the {FORMAT_VERSION} that "
            "this program reads. Update the program."
        )
    if found != str(FORMAT_VERSION):
        raise BadRecord(
            f"{path}: format version {found!r}, expected {FORMAT_VERSION}. Move the "
            "folder away and enroll again."
        )


def _format_version(connection: sqlite3.Connection) -> str:
    query = "SELECT value FROM meta WHERE key = 'format_version'"
    row = connection.execute(query).fetchone()
    return str(row[0]) if row else ""


def _publish(temporary: Path, path: Path) -> None:
    # Of a file that is gone: SQLite would play its people into the new one.
    if not path.exists():
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    try:
        # Unlike a rename, a link never replaces what another process just made.
        os.link(temporary, path)
    except FileExistsError:
        return
    except OSError as error:
        raise ToolkitError(
            f"{path}: cannot be made on this file system ({error.strerror or error}). "
            "Choose a folder on a local disk with --workspace."
        ) from error
