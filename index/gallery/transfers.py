"""Gives photos of one person to another: some of them, or all with the person."""

from __future__ import annotations

from collections.abc import Sequence

from index.gallery.erasure import begin_erasure, end_erasure
from index.gallery.people import chosen_photos, note_changed, person_id_of
from index.gallery.storage.erased_people import ErasedPeople
from index.gallery.storage.store import GalleryStore, Terms, seal
from masking.errors import BadRecord, InvalidConfig
from masking.files.text import counted

# Each with the column of its photo's number and that of what is sealed.
_SEALED = (
    ("photos", "id", "chip"),
    ("embeddings", "photo_id", "vector"),
    ("masked_references", "photo_id", "vector"),
)


def move_photos(
    store: GalleryStore, name: str, numbers: Sequence[int], other: str
) -> int:
    """Give some of a person's photos to somebody else who is enrolled.

    Answers and cards that show the first go: they may show one of these photos.

    Args:
        numbers: of the photos, from 1, in the order of enrolment.

    Returns:
        How many were moved; those that the other one has already only leave.

    Raises:
        MissingInput: nobody has one of the names.
        InvalidConfig: no such photos, all that the person has, or one person twice.
        BadRecord: a stored photo is damaged.
    """
    with store.changes():
        giver, taker = _both(store, name, other)
        photos = chosen_photos(store, name, numbers)
        moved = sum(_moved(store, photo_id, taker) for photo_id, _ in photos)
        version = store.count_change()
        for person_id in (giver, taker):
            note_changed(store, person_id, version)
        store.record(
            "move", giver, f"{counted(len(photos), 'photo')} to person {taker}"
        )
        changed = ErasedPeople(changed=frozenset([giver]))
        begin_erasure(store, changed, version)
    end_erasure(store)
    return moved


def merge_people(store: GalleryStore, name: str, other: str) -> tuple[int, Terms]:
    """Make one person of two: the first keeps name and number, the second is gone.

    Names of the second become earlier names of the first, so that an erasure finds
    them. Answers and cards that show the second go.

    Returns:
        How many photos came over, and the terms of both together: both notes, and the
        earlier end.

    Raises:
        MissingInput: nobody has one of the names.
        InvalidConfig: one person twice.
        BadRecord: a stored photo is damaged.
    """
    with store.changes():
        taker, giver = _both(store, name, other)
        rows = store.read("SELECT id FROM photos WHERE person_id = ?", (giver,))
        moved = sum(_moved(store, photo_id, taker) for (photo_id,) in rows)
        terms = _joint_terms(store, taker, giver)
        store.execute(
            """UPDATE people SET consent = ?, retain_until = ?, created =
            (SELECT MIN(created) FROM people WHERE id IN (?, ?)) WHERE id = ?""",
            (terms.consent, terms.retain_until, taker, giver, taker),
        )
        store.execute(
            """INSERT OR IGNORE INTO former_names
            SELECT ?, name FROM people WHERE id = ? UNION
            SELECT ?, name FROM former_names WHERE person_id = ?""",
            (taker, giver, taker, giver),
        )
        store.execute("DELETE FROM people WHERE id = ?", (giver,))
        version = store.count_change()
        store.execute("INSERT INTO removed VALUES (?, ?)", (giver, version))
        note_changed(store, taker, version)
        store.record("merge", giver, f"{counted(moved, 'photo')} to person {taker}")
        end = terms.retain_until or "further notice"
        store.record("terms", taker, f"kept until {end}")
        changed = ErasedPeople(changed=frozenset([giver]))
        begin_erasure(store, changed, version)
    end_erasure(store)
    return moved, terms


def _both(store: GalleryStore, name: str, other: str) -> tuple[int, int]:
    numbers = person_id_of(store, name), person_id_of(store, other)
    if numbers[0] == numbers[1]:
        raise InvalidConfig(f"{name!r} was given twice, expected two people.")
    return numbers


def _joint_terms(store: GalleryStore, *person_ids: int) -> Terms:
    query = "SELECT consent, retain_until FROM people WHERE id = ?"
    rows = [store.read(query, (person_id,))[0] for person_id in person_ids]
    notes = dict.fromkeys(consent for consent, _ in rows if consent)
    # Nobody agreed to be kept longer.
    return Terms("; ".join(notes), min((end for _, end in rows if end), default=""))


def _moved(store: GalleryStore, photo_id: int, person_id: int) -> bool:
    """Give one photo to a person; False, and it is dropped, where they have it."""
    query = "SELECT person_id, sha256, masked, source FROM photos WHERE id = ?"
    owner, sha256, masked, source = store.read(query, (photo_id,))[0]
    has = "SELECT 1 FROM photos WHERE person_id = ? AND sha256 = ?"
    if store.read(has, (person_id, sha256)):
        store.execute("DELETE FROM photos WHERE id = ?", (photo_id,))
        return False
    for table, key, column in _SEALED:
        query = f"SELECT {column}, seal FROM {table} WHERE {key} = ?"
        for data, kept in store.read(query, (photo_id,)):
            # A new seal would make damage look sound.
            if seal(owner, sha256, masked, data) != kept:
                raise BadRecord(
                    f"{store.path}: what is stored of {source} is damaged (its "
                    "checksum differs). Nothing was changed; see: python cli.py "
                    "gallery verify"
                )
            store.execute(
                f"UPDATE {table} SET seal = ? WHERE {key} = ?",
                (seal(person_id, sha256, masked, data), photo_id),
            )
    store.execute("UPDATE photos SET person_id = ? WHERE id = ?", (person_id, photo_id))
    return True
