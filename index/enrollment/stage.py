"""Photographs to people in the gallery; nothing is trained.

Faces that make poor templates, or look like somebody of another name, are told of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from index.calibration.calibration import Decision
from index.calibration.decision import DecisionPolicy, calibration_of
from index.enrollment.faces import (
    NamedFace,
    NamedPhoto,
    photos_of_person,
    single_faces,
)
from index.gallery.gallery import Gallery
from index.gallery.people import owner_of, unlike_the_others
from index.gallery.storage.store import NO_TERMS, Terms
from masking.errors import BadRecord, MissingInput, NoFace
from masking.faces.alignment import detail_of, light_of, yaw_deg
from masking.faces.finder import AlignedFace, Finder
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


@dataclass
class EnrollReport:
    """What became of each photograph.

    Attributes:
        added: photos that are now in the gallery.
        known: photos that the same person already had, given twice or earlier.
        failures: photo -> why it could not be enrolled; of a photo that was given for
            several people, "photo (as NAME)".
        unread: those of `failures` that could not be read.
        unlike: added photo -> its distance to the mean of the same person's other
            photos, where that is larger than for the nearest hundredth of impostors.
            Such photos stay enrolled; somebody should look at them.
        doubts: one sentence each on other photos that somebody should look at.
    """

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    unlike: dict[str, float] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """2 when a picture could not be read, else 0."""
        return 2 if self.unread else 0

    def fail(self, name: str, face: AlignedFace, reason: str) -> None:
        """Note why a photo cannot be stored for somebody."""
        known = face.source in self.failures
        self.failures[f"{face.source} (as {name})" if known else face.source] = reason


@dataclass(frozen=True)
class EnrollChecks:
    """How strict it is.

    Attributes:
        decide: who a face is in the gallery.
        face: number of the face in a photo of several, from 1; 0 = the most prominent.
        allow_duplicate: store what shows somebody of another name, with a notice.
    """

    decide: Callable[[EmbeddedFace], Decision]
    face: int = 0
    allow_duplicate: bool = False


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


# A good template has more pixels between the eyes, is brighter, less turned and finer,
# and the detector is surer of it. Of 400 photos each of DevTrain and CelebA none
# is poor by any of them, of 300 unmasked ones of RMFRD's people of training 3 are.
_EYES_PX, _LIGHT, _YAW_DEG, _DETAIL, POOR = 20.0, 0.12, 45.0, 0.07, 0.88


def quality(face: AlignedFace) -> float:
    """Of an unmasked face, 0 to 1, higher is better: how sure the finder is of it.

    Small, blurred, dark, turned and covered faces all look less like a face. As the
    worst photos are left out, errors fall on DevTest, though slower than by the face's
    size or by the agreement of looks (after Terhoerst et al., "SER-FIQ", CVPR 2020);
    sharpness and the descriptor's norm say next to nothing
    (`benchmarks.recognition.template_quality`).
    """
    return face.box.score


def poor_template(face: AlignedFace, masked: bool) -> str:
    """One sentence on why a face makes a poor template; "" where it does not."""
    # 0: nobody looked, as of crops that were made before.
    if quality(face) == 0:
        return ""
    eyes_px, turn_deg = face.landmarks.interocular_px, abs(yaw_deg(face.landmarks))
    found = []
    if eyes_px < _EYES_PX:
        found.append(f"small ({eyes_px:.0f} px between the eyes)")
    elif detail_of(face.crop) < _DETAIL:
        found.append("blurred")
    if light_of(face.crop)[0] < _LIGHT:
        found.append("dark")
    if turn_deg > _YAW_DEG:
        found.append(f"turned by {turn_deg:.0f} degrees")
    if not found and not masked and quality(face) < POOR:
        found.append("hard to see: it may be covered")
    if not found:
        return ""
    return (
        f"{face.source}: this face makes a poor template, as it is "
        f"{', '.join(found)}. Enroll a better photo, too."
    )


def checked(
    faces: Sequence[tuple[str, EmbeddedFace]],
    gallery: Gallery,
    checks: EnrollChecks,
    report: EnrollReport,
) -> Iterator[tuple[str, EmbeddedFace]]:
    """The faces that may be stored; the report says what is wrong with others."""
    # SHA-256 -> whose, of those that the gallery gets with this batch.
    owners: dict[str, str] = {}
    for name, face in faces:
        source, sha256 = face.face.source, face.face.sha256
        if poor := poor_template(face.face, bool(face.masked)):
            report.doubts.append(poor)
        owner = owner_of(gallery.store, sha256, name) or owners.get(sha256, name)
        if owner != name:
            doubt = f"{source}: this very photograph is enrolled as {owner}."
        else:
            names = checks.decide(face).names if gallery.size else ()
            doubt = ""
            if names and name not in names:
                doubt = f"{source}: this face looks like {names[0]}, who is enrolled."
        if doubt and not checks.allow_duplicate:
            report.fail(
                name,
                face.face,
                f"{doubt} Give that name, or --allow-duplicate to store it as {name}.",
            )
            continue
        if doubt:
            report.doubts.append(doubt)
        owners.setdefault(sha256, name)
        yield name, face


def alike_newcomers(
    faces: Sequence[tuple[str, EmbeddedFace]], checks: EnrollChecks
) -> Iterator[str]:
    """A sentence on each two names of one batch that may be one person.

    Such a batch was compared with those who were enrolled before it alone.

    Args:
        faces: that the gallery holds now.
    """
    first = dict(reversed(faces))
    told: set[frozenset[str]] = set()
    for name, face in reversed(first.items()):
        decision = checks.decide(face)
        for match in decision.matches:
            pair = frozenset((name, match.name))
            new = len(pair) == 2 and match.name in first and pair not in told
            if new and match.score >= decision.accepted_from:
                told.add(pair)
                yield (
                    f"{face.face.source}: {name} looks like {match.name}, who was "
                    "enrolled along: is it one person under two names?"
                )
