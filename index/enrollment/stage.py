"""Photographs to people in the gallery; nothing is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from index.calibration.decision import DecisionPolicy, calibration_of
from index.enrollment.face_step import FoundFace, single_faces
from index.enrollment.report import EnrollReport
from index.enrollment.sources import NamedPhoto, photos_of_person
from index.enrollment.sources import photo_list as photo_list
from index.gallery.gallery import Gallery
from index.gallery.people import photo_is_stored
from index.gallery.person_photos import unlike_the_others
from index.gallery.storage.names import checked_name
from index.gallery.storage.rows import NO_TERMS, NewPhoto, Terms, checked_embedding
from masking.errors import MissingInput, NoFace, ToolkitError
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import FaceFinder
from masking.landmarks import Float32, Image
from training.embedders.mask_classifier import mask_states
from training.embedders.masked_reference import embed_both, network_input
from training.embedders.protocol import Embedder

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


def enroll(
    name: str,
    photos: Sequence[Path],
    gallery: Gallery,
    embedder: Embedder,
    finder: FaceFinder,
    terms: Terms = NO_TERMS,
    masked: bool | None = None,
) -> EnrollReport:
    """Add a person, or more photos of one, from photographs of one face each.

    Args:
        photos: files, or folders that hold nothing but photos of this person.
        terms: consent and the end of keeping, recorded with the person.
        masked: whether the person wears a mask in them; None when nobody said.

    Raises:
        InvalidConfig: a name that nobody can have.
        EmbedderMismatch: the gallery belongs to another embedder.
        MissingInput: no photo was given.
        ToolkitError: none of the photos could be enrolled; says why.
    """
    named = photos_of_person(name, photos, masked)
    return enroll_photos(named, gallery, embedder, lambda: finder, 1, terms)


def enroll_photos(
    photos: Sequence[NamedPhoto],
    gallery: Gallery,
    embedder: Embedder,
    make_finder: Callable[[], FaceFinder],
    workers: int,
    terms: Terms = NO_TERMS,
) -> EnrollReport:
    """Add the people of any number of photographs of one face each.

    Works batch by batch; interrupted and started again, it looks only at what is
    missing.

    Args:
        make_finder: builds a process's finder; picklable for more than one worker.
        workers: processes that find faces; 1 works in this one.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
        ToolkitError: none of the photos could be enrolled; says why.
    """
    gallery.check_embedder(embedder)
    report = EnrollReport()
    found = single_faces(photos, gallery, embedder.geometry, make_finder, workers)
    shown = tqdm(found, "enroll", len(photos), unit="photo", disable=None, leave=False)
    known: set[str] = set()
    rows = _chip_rows(shown, embedder.geometry, report, known)
    _store(gallery, embedder, rows, report, terms)
    if terms != NO_TERMS:
        gallery.set_terms(known, terms)
    if not report.added and not report.known:
        first = next(iter(report.failures.values()), "there is no photo")
        more = len(report.failures) - 1
        raise NoFace(
            f"nothing was enrolled for {photos[0].name!r}: {first}"
            + (f" (and {more} more photos that failed)" if more > 0 else "")
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


def _chip_rows(
    found: Iterable[FoundFace],
    geometry: ChipGeometry,
    report: EnrollReport,
    known: set[str],
) -> Iterator[ChipRow]:
    """Faces to embed; whose photos are known is added to `known`."""
    for face in found:
        source = str(face.photo.path)
        if face.known:
            report.known.append(source)
            known.add(face.photo.name)
        elif face.pixels is None:
            report.failures[source] = face.failure
            report.unread += [source] * face.unread
        else:
            masked = face.photo.masked
            if masked is None:
                (state,) = mask_states(network_input([face.pixels]), geometry)
                masked = state.is_masked
            yield ChipRow(face.photo.name, face.sha256, source, face.pixels, masked)


def _store(
    gallery: Gallery,
    embedder: Embedder,
    rows: Iterable[ChipRow],
    report: EnrollReport,
    terms: Terms = NO_TERMS,
) -> None:
    remaining = iter(rows)
    # Name -> SHA-256 of the new photos -> what the report calls them.
    new_photos: defaultdict[str, dict[str, str]] = defaultdict(dict)
    while batch := list(islice(remaining, _CHIPS_AT_ONCE)):
        new = list(_new_rows(gallery, batch, report))
        if not new:
            continue
        chips = network_input([row.pixels for row in new])
        vectors = embed_both(embedder, chips, np.array([not row.masked for row in new]))
        photos = list(_new_photos(new, vectors, gallery.dimension, report))
        gallery.add(photos, terms)
        report.added.extend(photo.source for photo in photos)
        for photo in photos:
            new_photos[photo.name][photo.sha256] = photo.source
    # At the end: only then has everybody all of their photos.
    report.unlike.update(_unlike(gallery, new_photos))


def _unlike(
    gallery: Gallery, new_photos: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, float]]:
    # One person, because the question is not who of all people a photo shows.
    policy = DecisionPolicy(*calibration_of(gallery), gallery_size=1, fpir=0.01)
    for name, sources in new_photos.items():
        # A person may be removed meanwhile, by another process.
        with suppress(MissingInput):
            gaps = unlike_the_others(gallery.photos(name), policy.threshold)
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
        stored = photo_is_stored(gallery.store, name, row.sha256)
        if stored or (name, row.sha256) in seen:
            report.known.append(row.source)
            continue
        seen.add((name, row.sha256))
        yield row._replace(name=name)


def _new_photos(
    rows: Sequence[ChipRow],
    vectors: tuple[Float32, list[Float32 | None]],
    dimension: int,
    report: EnrollReport,
) -> Iterator[NewPhoto]:
    for row, embedding, reference in zip(rows, *vectors, strict=True):
        try:
            for part in (embedding, reference):
                if part is not None:
                    checked_embedding(part, dimension, row.source)
        except ToolkitError as error:
            report.failures[row.source] = str(error)
            continue
        yield NewPhoto(
            row.name,
            row.sha256,
            row.source,
            row.pixels,
            embedding,
            row.masked,
            reference,
        )
