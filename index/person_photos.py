"""The stored photos of one person, and those that do not look like the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.gallery_people import person_id_of
from index.gallery_rows import vectors_from
from index.gallery_store import GalleryStore


@dataclass(frozen=True)
class PersonPhoto:
    """One stored photo of a person.

    Attributes:
        source: where the photograph came from.
        sha256: of the photograph's file.
        masked: whether it was enrolled as masked.
        created: when it was enrolled; UTC, ISO 8601.
        distance: to the person's template, the mean of all their photos; lower is
            closer, 0 for an only photo.
    """

    source: str
    sha256: str
    masked: bool
    created: str
    distance: float


def read_person_photos(store: GalleryStore, name: str) -> list[PersonPhoto]:
    """The photos of a person, oldest first; to be called in a snapshot.

    Raises:
        MissingInput: nobody has that name.
    """
    person_id = person_id_of(store, name)
    rows = store.read(
        """SELECT source, sha256, masked, created, vector FROM photos
        JOIN embeddings ON photo_id = photos.id WHERE person_id = ?
        ORDER BY photos.id""",
        (person_id,),
    )
    dimension = int(store.meta("dimension"))
    vectors = vectors_from([row[4] for row in rows], dimension, store.path)
    # The template as searches know it: float32.
    template = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    distances = np.linalg.norm(vectors - template, axis=1) if rows else []
    return [
        PersonPhoto(source, sha256, bool(masked), created, float(distance))
        for (source, sha256, masked, created, _), distance in zip(
            rows, distances, strict=True
        )
    ]


def unlike_the_others(
    photos: Sequence[PersonPhoto], threshold: float
) -> dict[str, float]:
    """Photos that are farther from the person's other photos than the threshold.

    Args:
        photos: all photos of one person.
        threshold: the largest distance that passes, between a photo and the mean
            of the others.

    Returns:
        SHA-256 -> distance to the mean of the others. Of two photos that differ
        both are given, as either may be the wrong one.
    """
    count = len(photos)
    if count < 2:
        return {}
    # With m the mean of all n photos, that of the others than x is
    # (n m - x) / (n - 1), so x is n / (n - 1) times as far from it as from m.
    far = {photo.sha256: photo.distance * count / (count - 1) for photo in photos}
    return {sha256: gap for sha256, gap in far.items() if gap > threshold}
