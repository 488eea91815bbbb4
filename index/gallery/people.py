"""The statements that add, find, rename and delete people and their photos."""

from __future__ import annotations

import difflib
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from index.gallery.storage.store import (
    GalleryStore,
    PhotoRow,
    Terms,
    seal,
    sealed_vectors,
    utc_now,
)
from index.gallery.vectors import read_chip, sound_chip
from masking.errors import InvalidConfig, MissingInput, NameTaken
from masking.files.text import counted, normal_form
from masking.landmarks import Float32, Image
from training.metrics.score_normalization import Cohort, offsets_of, paired_distances

_COMPARED_NAMES = 5000


@dataclass(frozen=True)
class PersonPhoto:
    """One stored photo of a person.

    Attributes:
        number: from 1, in the order of enrolment; changes when an earlier one goes.
        source: where the photograph came from.
        sha256: of the photograph's file.
        masked: whether it was enrolled as masked.
        created: when it was enrolled; UTC, ISO 8601.
        distance: to the mean of the person's other photos, masked or not; lower is
            closer, negative in a lonely place, 0 for an only photo.
    """

    number: int
    source: str
    sha256: str
    masked: bool
    created: str
    distance: float


def read_person_photos(
    store: GalleryStore, name: str, cohort: Cohort | None
) -> list[PersonPhoto]:
    """The photos of a person, oldest first; to be called in a snapshot.

    Raises:
        MissingInput: nobody has that name.
    """
    person_id = person_id_of(store, name)
    rows = store.read(
        """SELECT person_id, sha256, masked, vector, embeddings.seal, source, created
        FROM photos JOIN embeddings ON photo_id = photos.id WHERE person_id = ?
        ORDER BY photos.id""",
        (person_id,),
    )
    dimension = int(store.meta("dimension"))
    vectors = sealed_vectors(store, [row[:5] for row in rows], dimension)
    described = zip(rows, _from_the_others(vectors, cohort), strict=True)
    return [
        PersonPhoto(number, source, sha256, bool(masked), created, float(distance))
        for number, ((_, sha256, masked, _, _, source, created), distance) in enumerate(
            described, start=1
        )
    ]


def read_person_chips(store: GalleryStore, name: str) -> list[Image]:
    """The (S, S, 3) uint8 RGB chips of a person's photos, oldest first.

    Raises:
        MissingInput: nobody has that name.
        BadRecord: one is damaged.
    """
    return [read_chip(store, photo_id)[0] for photo_id, _ in _photos_of(store, name)]


def read_chip_file(store: GalleryStore, name: str, number: int) -> bytes:
    """The JPEG of the chip of a person's photo.

    Args:
        number: from 1, in the order of enrolment.

    Raises:
        MissingInput: nobody has that name, or there is no such photo.
        BadRecord: it is damaged.
    """
    rows = _photos_of(store, name)
    if not 1 <= number <= len(rows):
        raise MissingInput(f"{name!r} has no photo with the number {number}.")
    return sound_chip(store, rows[number - 1][0])[0]


def _from_the_others(vectors: Float32, cohort: Cohort | None) -> Float32:
    """(n,) distance of each of (n, D) rows to the mean of the others."""
    count = len(vectors)
    if count < 2:
        return np.zeros(count, dtype=np.float32)
    total = vectors.sum(axis=0, dtype=np.float64)
    others = ((total - vectors) / (count - 1)).astype(np.float32)
    offsets = offsets_of(vectors, cohort)
    of_others = (offsets.sum() - offsets) / (count - 1)
    return paired_distances(vectors, others, offsets + of_others)


def unlike_the_others(
    photos: Sequence[PersonPhoto], score: Callable[[float, bool, bool, int], float]
) -> dict[str, float]:
    """Photos that would not pass as one of the person's other photos.

    Args:
        photos: all photos of one person.
        score: at least 0 for one that passes, of the squared distance between a photo
            and the mean of the others, whether the photo is masked, whether most
            others are, and how many others there are.

    Returns:
        SHA-256 -> distance to the mean of the others. Of two photos that differ
        both are given, as either may be the wrong one.
    """
    count = len(photos)
    if count < 2:
        return {}
    masked_photos = sum(photo.masked for photo in photos)
    found = {}
    for photo in photos:
        others_masked = 2 * (masked_photos - photo.masked) > count - 1
        square = photo.distance * abs(photo.distance)
        if score(square, photo.masked, others_masked, count - 1) < 0:
            found[photo.sha256] = photo.distance
    return found


@dataclass(frozen=True)
class Person:
    """One person as lists show them; `created` is UTC, ISO 8601.

    Attributes:
        consent, retain_until: see Terms.
    """

    person_id: int
    name: str
    created: str
    photo_count: int
    consent: str = ""
    retain_until: str = ""


@dataclass(frozen=True)
class AuditEntry:
    """One change: when (UTC), by which account, what, and whose record.

    Attributes:
        person_id: people are recorded by number only, which is never given again, so
            that nobody's name outlives their removal; None = everybody.
    """

    time: str
    actor: str
    action: str
    person_id: int | None
    detail: str


def insert_photos(store: GalleryStore, rows: Sequence[PhotoRow], terms: Terms) -> int:
    """Part of a change: store photos, and their people where new.

    Returns:
        How many photos were new; those that their person already has are left.
    """
    added = Counter[int]()
    for row in rows:
        person_id = _insert_photo(store, row)
        added[person_id] += person_id > 0
    del added[0]
    version = store.count_change() if added else 0
    for person_id, count in sorted(added.items()):
        note_changed(store, person_id, version)
        store.record("add", person_id, counted(count, "photo"))
    set_terms(store, {row.name for row in rows}, terms)
    return added.total()


def _insert_photo(store: GalleryStore, row: PhotoRow) -> int:
    """The number of the person; 0 when they already have this photo."""
    now, face = utc_now(), row.face.face
    masked = bool(row.face.masked)
    if face.sha256 in stored_hashes(store, row.name):
        return 0
    known = store.read("SELECT id FROM people WHERE name = ?", (row.name,))
    person_id = (
        int(known[0][0])
        if known
        else store.execute(
            "INSERT INTO people (name, created) VALUES (?, ?)", (row.name, now)
        )
    )
    # A file name need not be Unicode; what SQLite stores must be.
    source = face.source.encode("utf-8", "backslashreplace").decode()
    sealed = partial(seal, person_id, face.sha256, masked)
    photo_id = store.execute(
        """INSERT INTO photos (person_id, sha256, source, masked, created, seal, chip)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (
            person_id,
            face.sha256,
            source,
            int(masked),
            now,
            sealed(row.chip),
            row.chip,
        ),
    )
    vector, fingerprint = row.vector, store.meta("fingerprint")
    store.execute(
        "INSERT INTO embeddings VALUES (?, ?, ?, ?, ?)",
        (photo_id, fingerprint, len(vector) // 4, vector, sealed(vector)),
    )
    if row.masked_reference is not None:
        store.execute(
            "INSERT INTO masked_references VALUES (?, ?, ?)",
            (photo_id, row.masked_reference, sealed(row.masked_reference)),
        )
    return person_id


def set_terms(store: GalleryStore, names: Collection[str], terms: Terms) -> None:
    """Part of a change: record terms with people; what says nothing stays as it is.

    Raises:
        MissingInput: nobody has one of the names.
    """
    for name in sorted(names):
        person_id = person_id_of(store, name)
        query = "SELECT consent, retain_until FROM people WHERE id = ?"
        consent, retain_until = store.read(query, (person_id,))[0]
        new = (terms.consent or consent, terms.retain_until or retain_until)
        if new != (consent, retain_until):
            store.execute(
                "UPDATE people SET consent = ?, retain_until = ? WHERE id = ?",
                (*new, person_id),
            )
            store.record("terms", person_id, f"kept until {new[1] or 'further notice'}")


def stored_hashes(store: GalleryStore, name: str) -> frozenset[str]:
    """SHA-256 of the photos that a person has."""
    query = """SELECT sha256 FROM photos JOIN people ON people.id = person_id
        WHERE name = ?"""
    return frozenset(row[0] for row in store.read(query, (normal_form(name),)))


def owner_of(store: GalleryStore, sha256: str, name: str) -> str:
    """Somebody of another name who has a photo; "" for nobody."""
    query = """SELECT name FROM photos JOIN people ON people.id = person_id
        WHERE sha256 = ? AND name <> ? ORDER BY person_id LIMIT 1"""
    rows = store.read(query, (sha256, normal_form(name)))
    return str(rows[0][0]) if rows else ""


def rename_person(store: GalleryStore, name: str, new_name: str) -> None:
    """Part of a change: give a person another name, as `checked_name` returns it.

    Raises:
        MissingInput: nobody has the old name.
        NameTaken: somebody has the new one.
    """
    person_id = person_id_of(store, name)
    if store.read("SELECT 1 FROM people WHERE name = ?", (new_name,)):
        raise NameTaken(f"{new_name!r} is already in the gallery.")
    store.execute(
        "INSERT OR IGNORE INTO former_names SELECT id, name FROM people WHERE id = ?",
        (person_id,),
    )
    store.execute("UPDATE people SET name = ? WHERE id = ?", (new_name, person_id))
    store.record("rename", person_id, "")


def delete_person(store: GalleryStore, name: str, version: int) -> int:
    """Part of the change to `version`: delete a person; returns how many photos.

    Raises:
        MissingInput: nobody has that name.
    """
    person_id = person_id_of(store, name)
    query = "SELECT COUNT(*) FROM photos WHERE person_id = ?"
    count = int(store.read(query, (person_id,))[0][0])
    store.execute("DELETE FROM people WHERE id = ?", (person_id,))
    store.execute("INSERT INTO removed VALUES (?, ?)", (person_id, version))
    store.record("remove", person_id, counted(count, "photo"))
    return count


def chosen_photos(
    store: GalleryStore, name: str, numbers: Sequence[int]
) -> list[tuple[int, str]]:
    """Row and SHA-256 of some of a person's photos, not of all.

    Args:
        numbers: from 1, in the order of enrolment.

    Raises:
        MissingInput: nobody has that name.
        InvalidConfig: no such photo, or no other is left.
    """
    photos = _photos_of(store, name)
    chosen = sorted(set(numbers))
    for number in chosen:
        if not 1 <= number <= len(photos):
            raise InvalidConfig(
                f"{name!r} has photos 1 to {len(photos)}, none with the number "
                f"{number}. See: python cli.py gallery show {shlex.quote(name)}"
            )
    if len(chosen) == len(photos):
        raise InvalidConfig(
            f"{name!r} would be left without a photo. Take the whole person: python "
            "cli.py gallery remove, or gallery merge."
        )
    return [photos[number - 1] for number in chosen]


def _photos_of(store: GalleryStore, name: str) -> list[tuple[int, str]]:
    """Row and SHA-256 of a person's photos, in the order of enrolment."""
    query = "SELECT id, sha256 FROM photos WHERE person_id = ? ORDER BY id"
    return store.read(query, (person_id_of(store, name),))


def delete_photos(
    store: GalleryStore,
    person_id: int,
    photos: Sequence[tuple[int, str]],
    version: int,
) -> None:
    """Part of the change to `version`: delete photos of a person, by their rows."""
    for photo_id, _ in photos:
        store.execute("DELETE FROM photos WHERE id = ?", (photo_id,))
    note_changed(store, person_id, version)
    store.record("remove photos", person_id, counted(len(photos), "photo"))


def note_changed(store: GalleryStore, person_id: int, version: int) -> None:
    """Part of the change to `version`: the person's templates are others now."""
    store.execute("UPDATE people SET changed = ? WHERE id = ?", (version, person_id))


def person_id_of(store: GalleryStore, name: str) -> int:
    """The number of the person with this name.

    Raises:
        MissingInput: nobody has it; the message offers the most similar name.
    """
    # What a terminal gives need not be Unicode; no name in the gallery has a backslash.
    wanted = normal_form(name).encode("utf-8", "backslashreplace").decode()
    rows = store.read("SELECT id FROM people WHERE name = ?", (wanted,))
    if rows:
        return int(rows[0][0])
    # Comparing with a million names would take minutes.
    query = "SELECT name FROM people LIMIT ?"
    everybody = [row[0] for row in store.read(query, (_COMPARED_NAMES,))]
    near = difflib.get_close_matches(wanted, everybody, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise MissingInput(f"{normal_form(name)!r} is not in the gallery.{hint}")
