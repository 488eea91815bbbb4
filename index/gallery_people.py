"""The statements that add people and photos to a gallery and find them again."""

from __future__ import annotations

import difflib

from index.gallery_rows import NewPhoto, Person
from index.gallery_store import GalleryStore, utc_now
from index.person_names import normal_form
from masking.errors import MissingInput


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


def list_people(store: GalleryStore) -> list[Person]:
    """Everybody, by name."""
    rows = store.read(
        """SELECT people.id, name, people.created, COUNT(photos.id) FROM people
        LEFT JOIN photos ON person_id = people.id GROUP BY people.id ORDER BY name"""
    )
    return [Person(*row) for row in rows]


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
