"""The gallery's SQLite file: its tables, making, opening, what can go wrong.

Beside it lie backups and half-made databases, which hold whole people. Whoever makes
one shares the lock of the gallery's folder meanwhile. Whoever has that lock alone knows
that all half-made ones were left by killed processes.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from masking.errors import BadRecord, MissingInput, ToolkitError
from masking.files.writing import PREFIX, folder_locked, private_folder

BACKUPS = "backups"
# Files that a restored backup replaced: evidence, and perhaps more than the backup.
DAMAGED = "damaged"
SUFFIX = ".sqlite"
BACKUP_EVERY = timedelta(hours=24)
# In the names of backups.
TIME_FORMAT = "%Y%m%dT%H%M%S%fZ"
NEW_PREFIX = ".new-"
# Long enough for another process to copy a large gallery.
WAIT_S = 60.0
_log = logging.getLogger(__name__)
FILE_NAME = "gallery.sqlite"
FORMAT_VERSION = 1
# Long enough for another process to finish a large write or a VACUUM.
BUSY_TIMEOUT_S = 30.0

# `audit` and `removed` name people by number only: a removed name must not survive.
# AUTOINCREMENT: the number of a removed person is never given to another.
# people.changed, removed.version: the gallery's version that the change made, so
# that a search finds what happened after its files were written.
# seal: see `index.gallery.storage.store`. chip comes last: SQLite reads through all of
# a long value to get at a column behind it.
# masked_references: of unmasked photos, see `training.embedders.embedded_face`.
# template_rows: what each template is the mean of; `worn` is whether the photo itself
# shows a mask.
_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # A second copy, as names have: SQLite's check compares them and so finds damage.
    "CREATE INDEX meta_again ON meta(key, value)",
    """CREATE TABLE people (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        created TEXT NOT NULL,
        consent TEXT NOT NULL DEFAULT '',
        retain_until TEXT NOT NULL DEFAULT '',
        changed INTEGER NOT NULL DEFAULT 0)""",
    # What people were called before: erasure looks for that, too.
    """CREATE TABLE former_names (
        person_id INTEGER NOT NULL REFERENCES people(id) ON DELETE CASCADE,
        name TEXT NOT NULL, PRIMARY KEY (person_id, name)) WITHOUT ROWID""",
    """CREATE TABLE photos (
        id INTEGER PRIMARY KEY,
        person_id INTEGER NOT NULL REFERENCES people(id) ON DELETE CASCADE,
        sha256 TEXT NOT NULL,
        source TEXT NOT NULL,
        masked INTEGER NOT NULL,
        created TEXT NOT NULL,
        seal INTEGER NOT NULL,
        chip BLOB NOT NULL,
        UNIQUE (person_id, sha256))""",
    """CREATE TABLE embeddings (
        photo_id INTEGER PRIMARY KEY REFERENCES photos(id) ON DELETE CASCADE,
        fingerprint TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        vector BLOB NOT NULL,
        seal INTEGER NOT NULL)""",
    """CREATE TABLE masked_references (
        photo_id INTEGER PRIMARY KEY REFERENCES photos(id) ON DELETE CASCADE,
        vector BLOB NOT NULL,
        seal INTEGER NOT NULL)""",
    """CREATE VIEW template_rows AS
        SELECT person_id, masked, photo_id, sha256, masked AS worn, vector,
            embeddings.seal AS seal
        FROM photos JOIN embeddings ON photo_id = photos.id
        UNION ALL SELECT person_id, 1, photo_id, sha256, masked, vector,
            masked_references.seal
        FROM photos JOIN masked_references ON photo_id = photos.id""",
    """CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        person_id INTEGER,
        detail TEXT NOT NULL)""",
    """CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
    """CREATE TRIGGER audit_keeps_words BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
    """CREATE TABLE removed (
        person_id INTEGER PRIMARY KEY, version INTEGER NOT NULL)""",
    "CREATE INDEX people_changed ON people(changed)",
    "CREATE INDEX people_retained ON people(retain_until) WHERE retain_until <> ''",
)


def backup_files(folder: Path) -> list[Path]:
    """All backups, the newest first; their names begin with their time."""
    return sorted((folder / BACKUPS).glob(f"[0-9]*{SUFFIX}"), reverse=True)


def backup_is_due(folder: Path) -> bool:
    """Whether the newest backup is as old as BACKUP_EVERY, or there is none.

    Raises:
        BadRecord: the newest has another name than a backup.
    """
    found = backup_files(folder)
    if not found:
        return True
    name = found[0].name.removesuffix(SUFFIX)
    try:
        made = datetime.strptime(name, TIME_FORMAT).replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise BadRecord(f"{found[0]}: no backup, it does not belong here.") from error
    return datetime.now(timezone.utc) - made >= BACKUP_EVERY


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


def create_file(path: Path, meta: Mapping[str, str]) -> None:
    """Make a new gallery file, private to its owner; one that is there stays.

    It appears whole or not at all, so an empty file is damage and not a start.

    Args:
        meta: values of the gallery as a whole.

    Raises:
        ToolkitError: the folder cannot be written.
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
    values = {"format_version": str(FORMAT_VERSION), **meta}
    with temporary_database(path.parent, NEW_PREFIX) as temporary:
        with reported(path), closing(_settled(temporary)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            with transaction(connection):
                for statement in _TABLES:
                    connection.execute(statement)
                connection.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
        _publish(temporary, path)


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
    # SQLite quotes what it found, which Python's driver cannot read.
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
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
        _address(path), timeout=BUSY_TIMEOUT_S, isolation_level=None, uri=True
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
