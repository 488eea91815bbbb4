"""Photographs to people in the gallery; nothing is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from index.calibration import DEFAULT_CALIBRATION
from index.gallery import Gallery
from index.gallery_rows import NewPhoto, checked_embedding
from index.person_names import checked_name, typed_name
from index.person_photos import unlike_the_others
from masking.errors import MissingInput, NoFace, ToolkitError
from masking.face_finding import FaceFinder
from masking.image_files import list_images
from masking.landmarks import Float32, Image
from masking.photo_faces import PhotoFaces, photo_faces
from training.embedder import Embedder

# Chips in memory and in one transaction; a kill loses no more than this.
_CHIPS_AT_ONCE = 256


class ChipRow(NamedTuple):
    """An aligned face that is ready to be embedded.

    Attributes:
        name: whose it is.
        sha256: of the photograph's file.
        source: where the photograph came from.
        pixels: (S, S, 3) uint8 RGB, S as the embedder reads it.
        masked: whether the person wears a mask in it.
    """

    name: str
    sha256: str
    source: str
    pixels: Image
    masked: bool = False


@dataclass
class EnrollReport:
    """What became of each photograph.

    Attributes:
        added: photos that are now in the gallery.
        known: photos that the same person already had, given twice or earlier.
        failures: photo -> why it could not be enrolled.
        unlike: added photo -> its distance to the mean of the same person's other
            photos, where that is larger than for the nearest hundredth of strangers.
            Such photos stay enrolled; somebody should look at them.
    """

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    unlike: dict[str, float] = field(default_factory=dict)


def photo_list(paths: Sequence[Path]) -> list[Path]:
    """The photographs meant by files and folders; folders are searched at any depth.

    Raises:
        MissingInput: nothing given, or a folder without an image.
    """
    if not paths:
        raise MissingInput("no photograph was given. Give files or folders of images.")
    return [
        photo
        for path in paths
        for photo in (list_images(path) if path.is_dir() else [path])
    ]


def enroll(
    name: str,
    photos: Sequence[Path],
    gallery: Gallery,
    embedder: Embedder,
    finder: FaceFinder,
) -> EnrollReport:
    """Add a person, or more photos of one, from photographs of one face each.

    Args:
        photos: files, or folders that hold nothing but photos of this person.

    Raises:
        InvalidConfig: a name that nobody can have.
        EmbedderMismatch: the gallery belongs to another embedder.
        MissingInput: no photo was given.
        ToolkitError: none of the photos could be enrolled; says why.
    """
    name = typed_name(name)
    gallery.check_embedder(embedder)
    report = EnrollReport()
    rows = _single_faces(name, photo_list(photos), embedder, finder, report)
    _store(gallery, embedder, rows, report)
    if not report.added and not report.known:
        first = next(iter(report.failures.values()))
        more = len(report.failures) - 1
        raise NoFace(
            f"nothing was enrolled for {name!r}: {first}"
            + (f" (and {more} more photos that failed)" if more else "")
        )
    return report


def enroll_chips(
    gallery: Gallery, embedder: Embedder, rows: Iterable[ChipRow]
) -> EnrollReport:
    """Add faces that are cut out already, by the thousands.

    Works batch by batch; interrupted and started again, it embeds only what is
    missing.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
    """
    gallery.check_embedder(embedder)
    report = EnrollReport()
    _store(gallery, embedder, rows, report)
    return report


def _single_faces(
    name: str,
    photos: Iterable[Path],
    embedder: Embedder,
    finder: FaceFinder,
    report: EnrollReport,
) -> Iterator[ChipRow]:
    for photo in photos:
        found = photo_faces(photo, finder, embedder.geometry)
        failure = _failure(found)
        if failure:
            report.failures[str(photo)] = failure
        else:
            yield ChipRow(name, found.sha256, str(photo), found.chips[0].pixels)


def _failure(found: PhotoFaces) -> str:
    if found.failure:
        return found.failure
    if len(found.chips) > 1:
        return (
            f"{found.path}: shows {len(found.chips)} faces, one is needed. Crop the "
            "photo to the person."
        )
    return ""


def _store(
    gallery: Gallery, embedder: Embedder, rows: Iterable[ChipRow], report: EnrollReport
) -> None:
    remaining = iter(rows)
    # Name -> SHA-256 of the new photos -> what the report calls them.
    new_photos: defaultdict[str, dict[str, str]] = defaultdict(dict)
    while batch := list(islice(remaining, _CHIPS_AT_ONCE)):
        new = list(_new_rows(gallery, batch, report))
        if not new:
            continue
        embeddings = embedder.embed(network_input([row.pixels for row in new]))
        photos = list(_new_photos(new, embeddings, gallery.dimension, report))
        gallery.add(photos)
        report.added.extend(photo.source for photo in photos)
        for photo in photos:
            new_photos[photo.name][photo.sha256] = photo.source
    # At the end: only then has everybody all of their photos.
    report.unlike.update(_unlike(gallery, new_photos))


def _unlike(
    gallery: Gallery, new_photos: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, float]]:
    calibration = gallery.calibration or DEFAULT_CALIBRATION
    # One person, because the question is not who of all people a photo shows.
    threshold = calibration.threshold(gallery_size=1)
    for name, sources in new_photos.items():
        # A person may be removed meanwhile, by another process.
        with suppress(MissingInput):
            gaps = unlike_the_others(gallery.photos(name), threshold)
            yield from ((sources[key], gaps[key]) for key in sources if key in gaps)


def _new_rows(
    gallery: Gallery, batch: Sequence[ChipRow], report: EnrollReport
) -> Iterator[ChipRow]:
    seen: set[tuple[str, str]] = set()
    for row in batch:
        try:
            name = checked_name(row.name)
        except ToolkitError as error:
            report.failures[row.source] = str(error)
            continue
        if (name, row.sha256) in seen or gallery.has_photo(name, row.sha256):
            report.known.append(row.source)
            continue
        seen.add((name, row.sha256))
        yield row._replace(name=name)


def _new_photos(
    rows: Sequence[ChipRow],
    embeddings: Float32,
    dimension: int,
    report: EnrollReport,
) -> Iterator[NewPhoto]:
    for row, embedding in zip(rows, embeddings, strict=True):
        try:
            vector = checked_embedding(embedding, dimension, row.source)
        except ToolkitError as error:
            report.failures[row.source] = str(error)
            continue
        yield NewPhoto(row.name, row.sha256, row.source, row.pixels, vector, row.masked)


def network_input(chips: Sequence[Image]) -> Image:
    """(S, S, 3) chips to (N, 3, S, S), as embedders read them."""
    return np.ascontiguousarray(np.stack(chips).transpose(0, 3, 1, 2))
