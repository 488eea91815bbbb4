"""Photographs to people in the gallery; nothing is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from index.calibration.decision import DecisionPolicy, calibration_of
from index.enrollment.face_step import (
    EnrollChecks,
    EnrollReport,
    NamedFace,
    alike_newcomers,
    checked,
    single_faces,
)
from index.enrollment.sources import NamedPhoto, photos_of_person
from index.gallery.gallery import Gallery
from index.gallery.people import unlike_the_others
from index.gallery.storage.store import NO_TERMS, Terms
from masking.errors import BadRecord, MissingInput, NoFace
from masking.faces.finder import Finder
from masking.files.text import counted
from training.embedders.embedded_face import (
    EmbeddedFace,
    Embedder,
    embed_both,
    network_input,
)
from training.embedders.mask_classifier import mask_states

# Crops in memory and in one transaction; a kill loses no more than this.
_FACES_AT_ONCE = 256


def enroll(
    name: str,
    photos: Sequence[Path],
    gallery: Gallery,
    embedder: Embedder,
    finder: Finder,
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
    make_finder: Callable[[], Finder],
    workers: int,
    terms: Terms = NO_TERMS,
    checks: EnrollChecks | None = None,
) -> EnrollReport:
    """Add the people of any number of photographs of one face each.

    Works batch by batch; interrupted and started again, it looks only at what is
    missing.

    Args:
        make_finder: builds a process's finder; picklable for more than one worker.
        workers: processes that find faces; 1 works in this one.
        checks: None stores whatever has one face.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
        ToolkitError: none of the photos could be enrolled; says why.
    """
    number = checks.face if checks else 0
    found = single_faces(
        photos, gallery, embedder.geometry, make_finder, workers, number
    )
    shown = tqdm(found, "enroll", len(photos), unit="photo", disable=None, leave=False)
    report = enroll_faces(gallery, embedder, shown, terms, checks)
    if not report.added and not report.known:
        first = next(iter(report.failures.values()), "there is no photo")
        more = len(report.failures) - 1
        raise NoFace(
            f"nothing was enrolled for {photos[0].name!r}: {first}"
            + (f" ({counted(more, 'more photo')} failed)" if more > 0 else "")
        )
    return report


def enroll_faces(
    gallery: Gallery,
    embedder: Embedder,
    faces: Iterable[NamedFace],
    terms: Terms = NO_TERMS,
    checks: EnrollChecks | None = None,
) -> EnrollReport:
    """Add faces that are cropped already, by the thousands.

    Works batch by batch; a batch that was stored stays when the next is interrupted.

    Args:
        terms: recorded with everybody of `faces`, where they say something.
        checks: each batch is compared with those who were enrolled before it, and
            afterwards its people with each other; None stores everything.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
    """
    gallery.check_embedder(embedder)
    report = EnrollReport()
    enrolled: set[str] = set()
    repeated: list[NamedFace] = []
    new = _new_faces(faces, report, enrolled, repeated)
    # Name -> SHA-256 of the new photos -> what the report calls them.
    new_photos: defaultdict[str, dict[str, str]] = defaultdict(dict)
    while batch := list(islice(new, _FACES_AT_ONCE)):
        embedded = list(_embedded(batch, embedder, report))
        if checks:
            embedded = list(checked(embedded, gallery, checks, report))
        gallery.add(embedded, terms)
        if checks:
            report.doubts += alike_newcomers(embedded, checks)
        for name, face in embedded:
            report.added.append(face.face.source)
            new_photos[name][face.face.sha256] = face.face.source
    for named in repeated:
        if named.face.sha256 in new_photos[named.name]:
            report.known.append(named.face.source)
        else:
            reason = f"{named.face.source}: is a photo that was skipped already."
            report.fail(named.name, named.face, reason)
    # At the end: only then has everybody all of their photos.
    report.unlike.update(_unlike(gallery, new_photos))
    if terms != NO_TERMS:
        gallery.set_terms(enrolled, terms)
    return report


def _new_faces(
    faces: Iterable[NamedFace],
    report: EnrollReport,
    enrolled: set[str],
    repeated: list[NamedFace],
) -> Iterator[NamedFace]:
    """Faces to embed.

    Args:
        enrolled: gets the names of those who have the photo.
        repeated: gets faces of a photo that came before for the same person.
    """
    seen: set[tuple[str, str]] = set()
    for named in faces:
        source = named.face.source
        if named.enrolled:
            report.known.append(source)
            enrolled.add(named.name)
        elif named.face.failure:
            report.fail(named.name, named.face, named.face.failure)
            report.unread += [source] * named.face.unread
        elif (key := (named.name, named.face.sha256)) in seen:
            repeated.append(named)
        else:
            seen.add(key)
            yield named


def _embedded(
    batch: Sequence[NamedFace], embedder: Embedder, report: EnrollReport
) -> Iterator[tuple[str, EmbeddedFace]]:
    crops = network_input([named.face.crop for named in batch])
    masked = np.array([bool(named.masked) for named in batch])
    open_rows = np.flatnonzero([named.masked is None for named in batch])
    states = mask_states(crops[open_rows], embedder.geometry)
    masked[open_rows] = [state.is_masked for state in states]
    vectors = embed_both(embedder, crops, ~masked)
    for named, wears, *row in zip(batch, masked, *vectors, strict=True):
        try:
            yield named.name, EmbeddedFace(named.face, row[0], bool(wears), row[1])
        except BadRecord as error:
            report.fail(named.name, named.face, str(error))


def _unlike(
    gallery: Gallery, new_photos: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, float]]:
    # One person, because the question is not who of all people a photo shows.
    policy = DecisionPolicy(*calibration_of(gallery), gallery_size=1, fpir=0.01)
    for name, sources in new_photos.items():
        # A person may be removed meanwhile, by another process.
        with suppress(MissingInput):
            gaps = unlike_the_others(gallery.photos(name), policy.score)
            yield from ((sources[key], gaps[key]) for key in sources if key in gaps)
