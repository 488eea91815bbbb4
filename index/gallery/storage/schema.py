"""The tables of a gallery's file."""

from __future__ import annotations

import sqlite3

FORMAT_VERSION = 3

# `audit` and `removed` name people by number only: a removed name must not survive.
# AUTOINCREMENT: the number of a removed person is never given to another.
# people.changed, removed.version: the gallery's version that the change made, so
# that a search finds what happened after its files were written.
# seal: see `gallery_seals`. chip comes last: SQLite reads through all of a long
# value to get at a column behind it.
# covered: of unmasked photos, see `training.embedders.masked_reference`.
# template_rows: what each
# template is the mean of; `worn` is whether the photo itself shows a mask.
_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
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
    """CREATE TABLE covered (
        photo_id INTEGER PRIMARY KEY REFERENCES photos(id) ON DELETE CASCADE,
        vector BLOB NOT NULL,
        seal INTEGER NOT NULL)""",
    """CREATE VIEW template_rows AS
        SELECT person_id, masked, photo_id, sha256, masked AS worn, vector,
            embeddings.seal AS seal
        FROM photos JOIN embeddings ON photo_id = photos.id
        UNION ALL SELECT person_id, 1, photo_id, sha256, masked, vector, covered.seal
        FROM photos JOIN covered ON photo_id = photos.id""",
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


def create_tables(connection: sqlite3.Connection) -> None:
    """Part of a change: the tables of an empty gallery."""
    for statement in _TABLES:
        connection.execute(statement)
