"""The gallery's connection: reads, changes that are counted and recorded."""

from __future__ import annotations

import getpass
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from index.gallery.storage import database as gallery_file
from index.gallery.storage.backup import back_up, back_up_if_due
from index.gallery.storage.database import reported, transaction
from masking.errors import ToolkitError

_log = logging.getLogger(__name__)


class GalleryStore:
    """An open gallery file.

    Attributes:
        folder: of the gallery.
        path: of the SQLite file.
        read_only: nothing can be changed.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / gallery_file.FILE_NAME
        self.read_only = gallery_file.is_read_only(self.path)
        self._actor = _actor()
        self._sqlite = gallery_file.open_file(self.path)
        self._changed = False

    def close(self) -> None:
        """Release the file; after changes, first make the daily backup.

        A backup that cannot be made is only logged: the changes are stored.
        """
        try:
            if self._changed:
                back_up_if_due(self._sqlite, self.folder)
        except ToolkitError as error:
            _log.warning("there is no new backup: %s", error)
        finally:
            self._sqlite.close()

    def back_up(self) -> Path:
        """Make a backup now; a daily one is made without being asked."""
        return back_up(self._sqlite, self.folder)

    def read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        with reported(self.path):
            return self._sqlite.execute(query, values).fetchall()

    def read_parts(
        self, query: str, rows_at_once: int, values: Sequence[Any] = ()
    ) -> Iterator[list[Any]]:
        """The rows of a query, piece by piece."""
        with reported(self.path):
            cursor = self._sqlite.execute(query, values)
            while rows := cursor.fetchmany(rows_at_once):
                yield rows

    def execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run one statement of a change; returns the number of the last new row."""
        return int(self._sqlite.execute(statement, values).lastrowid or 0)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads of the block see one state, whatever other processes write."""
        with reported(self.path):
            self._sqlite.execute("BEGIN")
        try:
            yield
        finally:
            self._sqlite.rollback()

    @contextmanager
    def changes(self) -> Iterator[None]:
        """The block's changes happen together or not at all."""
        with reported(self.path), transaction(self._sqlite):
            yield
        self._changed = True

    def meta(self, key: str) -> str:
        """A value of the gallery as a whole; "" when it was never set."""
        rows = self.read("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else ""

    def set_meta(self, key: str, value: str) -> None:
        """Part of a change: store a value of the gallery as a whole."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def record(self, action: str, person_id: int | None, detail: str) -> None:
        """Part of a change: one line in the audit; `detail` must not name anybody."""
        self.execute(
            """INSERT INTO audit (time, actor, action, person_id, detail)
            VALUES (?, ?, ?, ?, ?)""",
            (utc_now(), self._actor, action, person_id, detail),
        )

    def count_change(self) -> int:
        """Part of a change of people or embeddings: the version that it makes."""
        version = int(self.meta("version")) + 1
        self.set_meta("version", str(version))
        return version

    def rewrite(self) -> None:
        """Copy all that is left into a fresh file, without what was deleted."""
        with reported(self.path):
            self._sqlite.execute("VACUUM")

    def checkpoint(self) -> bool:
        """Empty the write-ahead log; False when another process held it up."""
        with reported(self.path):
            row = self._sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not row[0]


def _actor() -> str:
    """The account that runs this process, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return f"uid {os.getuid()}"


def utc_now() -> str:
    """The time as galleries record it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
