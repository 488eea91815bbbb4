"""The tables of a gallery's file, and how older files are brought to this version."""

from __future__ import annotations

import sqlite3

FORMAT_VERSION = 3

# `audit` and `removed` name people by number only: a removed name must not survive.
# AUTOINCREMENT: the number of a removed person is never given to another.
# people.changed, removed.version: the gallery's version that the change made, so
# that a search finds what happened after its files were written.
_TABLES_1 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE people (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        created TEXT NOT NULL)""",
    """CREATE TABLE photos (
        id INTEGER PRIMARY KEY,
        person_id INTEGER NOT NULL REFERENCES people(id) ON DELETE CASCADE,
        sha256 TEXT NOT NULL,
        source TEXT NOT NULL,
        chip BLOB NOT NULL,
        masked INTEGER NOT NULL,
        created TEXT NOT NULL,
        UNIQUE (person_id, sha256))""",
    """CREATE TABLE embeddings (
        photo_id INTEGER PRIMARY KEY REFERENCES photos(id) ON DELETE CASCADE,
        fingerprint TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        vector BLOB NOT NULL)""",
    """CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time TEXT NOT NULL,
        action TEXT NOT NULL,
        person_id INTEGER,
        detail TEXT NOT NULL)""",
    """CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
    """CREATE TRIGGER audit_keeps_words BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
)
# Everybody counts as changed by the upgrade: older search files know no changes.
_UPGRADE_1_TO_2 = (
    "ALTER TABLE people ADD COLUMN consent TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE people ADD COLUMN retain_until TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE people ADD COLUMN changed INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE audit ADD COLUMN actor TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE removed (
        person_id INTEGER PRIMARY KEY, version INTEGER NOT NULL)""",
    "CREATE INDEX people_changed ON people(changed)",
    "CREATE INDEX people_retained ON people(retain_until) WHERE retain_until <> ''",
    "UPDATE meta SET value = value + 1 WHERE key = 'version'",
    "UPDATE people SET changed = (SELECT value FROM meta WHERE key = 'version')",
    "UPDATE meta SET value = '2' WHERE key = 'format_version'",
)
# covered: of bare photos, see `training.covered_chips`. Photos of older galleries have
# none until they are embedded anew. template_rows: what each template is the mean of.
_UPGRADE_2_TO_3 = (
    """CREATE TABLE covered (
        photo_id INTEGER PRIMARY KEY REFERENCES photos(id) ON DELETE CASCADE,
        vector BLOB NOT NULL)""",
    """CREATE VIEW template_rows AS
        SELECT person_id, masked, photo_id, vector FROM photos
        JOIN embeddings ON photo_id = photos.id
        UNION ALL SELECT person_id, 1, photo_id, vector FROM photos
        JOIN covered ON photo_id = photos.id""",
    "UPDATE meta SET value = '3' WHERE key = 'format_version'",
)
_UPGRADES = {1: _UPGRADE_1_TO_2, 2: _UPGRADE_2_TO_3}


def create_tables(connection: sqlite3.Connection) -> None:
    """Part of a change: the tables of an empty gallery of this version."""
    for statement in _TABLES_1 + _UPGRADE_1_TO_2 + _UPGRADE_2_TO_3:
        connection.execute(statement)


def upgrade_tables(connection: sqlite3.Connection, found: int) -> None:
    """Part of a change: bring the tables of an older version to this one."""
    for version in range(found, FORMAT_VERSION):
        for statement in _UPGRADES[version]:
            connection.execute(statement)
