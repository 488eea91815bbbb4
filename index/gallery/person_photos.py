"""The stored photos of one person, and those that do not look like the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from index.gallery.people import person_id_of
from index.gallery.storage.rows import sealed_vectors
from index.gallery.storage.store import GalleryStore
from index.gallery.vectors import read_chip, sound_chip
from masking.errors import MissingInput
from masking.landmarks import Float32, Image
from training.metrics.score_normalization import (
    Cohort,
    offsets_of,
    paired_distances,
)


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
    query = "SELECT id FROM photos WHERE person_id = ? ORDER BY id"
    rows = store.read(query, (person_id_of(store, name),))
    return [read_chip(store, photo_id)[0] for (photo_id,) in rows]


def read_chip_file(store: GalleryStore, name: str, number: int) -> bytes:
    """The JPEG of the chip of a person's photo.

    Args:
        number: from 1, in the order of enrolment.

    Raises:
        MissingInput: nobody has that name, or there is no such photo.
        BadRecord: it is damaged.
    """
    query = "SELECT id FROM photos WHERE person_id = ? ORDER BY id"
    rows = store.read(query, (person_id_of(store, name),))
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
