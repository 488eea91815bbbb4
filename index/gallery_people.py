"""The statements that add, find, rename and delete people and their photos."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from index.gallery_rows import NewPhoto, Person
from index.gallery_store import GalleryStore, utc_now
from index.person_names import normal_form
from masking.errors import InvalidConfig, MissingInput


def insert_photo(
    store: GalleryStore, name: str, photo: NewPhoto, chip: bytes, vector: bytes
) -> bool:
    """Part of a change: store one photo, and its person if new.

    Args:
        chip: the chip as the bytes of an image file.
        vector: the embedding as `vector_bytes` gives it.

    Returns:
        False when the person already has this photo.
    """
    now = utc_now()
    store.execute(
        "INSERT OR IGNORE INTO people (name, created) VALUES (?, ?)", (name, now)
    )
    person_id = person_id_of(store, name)
    if photo_is_stored(store, name, photo.sha256):
        return False
    # A file name need not be Unicode; what SQLite stores must be.
    source = photo.source.encode("utf-8", "backslashreplace").decode()
    photo_id = store.execute(
        """INSERT INTO photos (person_id, sha256, source, chip, masked, created)
        VALUES (?, ?, ?, ?, ?, ?)""",
        (person_id, photo.sha256, source, chip, int(photo.masked), now),
    )
    store.execute(
        "INSERT INTO embeddings VALUES (?, ?, ?, ?)",
        (photo_id, store.meta("fingerprint"), len(vector) // 4, vector),
    )
    return True


def photo_is_stored(store: GalleryStore, name: str, sha256: str) -> bool:
    """Whether this photo of this person is stored."""
    query = """SELECT 1 FROM photos JOIN people ON people.id = person_id
        WHERE name = ? AND sha256 = ?"""
    return bool(store.read(query, (normal_form(name), sha256)))


def owners_of(store: GalleryStore, sha256s: Collection[str]) -> set[int]:
    """Numbers of the people who have one of these photos."""
    wanted = frozenset(sha256s)
    rows = store.read("SELECT person_id, sha256 FROM photos")
    return {person_id for person_id, sha256 in rows if sha256 in wanted}


def list_people(store: GalleryStore) -> list[Person]:
    """Everybody, by name."""
    rows = store.read(
        """SELECT people.id, name, people.created, COUNT(photos.id) FROM people
        LEFT JOIN photos ON person_id = people.id GROUP BY people.id ORDER BY name"""
    )
    return [Person(*row) for row in rows]


def rename_person(store: GalleryStore, name: str, new_name: str) -> None:
    """Part of a change: give a person another name, as `checked_name` returns it.

    Raises:
        MissingInput: nobody has the old name.
        InvalidConfig: somebody has the new one.
    """
    person_id = person_id_of(store, name)
    if store.read("SELECT 1 FROM people WHERE name = ?", (new_name,)):
        raise InvalidConfig(f"{new_name!r} is already in the gallery.")
    store.execute("UPDATE people SET name = ? WHERE id = ?", (new_name, person_id))
    store.record("rename", person_id, "")


def delete_person(store: GalleryStore, name: str) -> int:
    """Part of a change: delete a person and their photos; returns how many.

    Raises:
        MissingInput: nobody has that name.
    """
    person_id = person_id_of(store, name)
    query = "SELECT COUNT(*) FROM photos WHERE person_id = ?"
    count = int(store.read(query, (person_id,))[0][0])
    store.execute("DELETE FROM people WHERE id = ?", (person_id,))
    store.record("remove", person_id, f"{count} photos")
    return count


def person_id_of(store: GalleryStore, name: str) -> int:
    """The number of the person with this name.

    Raises:
        MissingInput: nobody has it; the message offers the most similar name.
    """
    wanted = normal_form(name)
    rows = store.read("SELECT id FROM people WHERE name = ?", (wanted,))
    if rows:
        return int(rows[0][0])
    everybody = [row[0] for row in store.read("SELECT name FROM people")]
    near = difflib.get_close_matches(wanted, everybody, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise MissingInput(f"{wanted!r} is not in the gallery.{hint}")
