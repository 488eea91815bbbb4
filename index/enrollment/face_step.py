"""Finds the one face of each new photograph, and says whether it may be stored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from index.calibration.calibration import Decision
from index.enrollment.sources import NamedPhoto
from index.gallery.gallery import Gallery
from index.gallery.people import owner_of, stored_hashes
from index.gallery.storage.store import checked_name
from masking.datasets.images import refuse_other_kinds
from masking.errors import ToolkitError
from masking.faces.alignment import ChipGeometry, detail_of, light_of, yaw_deg
from masking.faces.detector import FaceBox
from masking.faces.finder import (
    AlignedFace,
    AlignedPhoto,
    Finder,
    PhotoFile,
    read_faces,
    read_photo,
)
from masking.workers import ordered_map
from training.embedders.embedded_face import EmbeddedFace


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


# Fraction of the first face's area, and of the picture's sides, within which another
# one may be meant.
_AS_LARGE, _AS_CENTRAL = 0.6, 0.15


class NamedFace(NamedTuple):
    """One face to enroll, and whose it is.

    Attributes:
        name: unchecked.
        face: cropped as the embedder reads it, or why there is none.
        masked: whether the person wears a mask; None when nobody said.
        enrolled: the person has this photo in the gallery; then nothing was done.
    """

    name: str
    face: AlignedFace
    masked: bool | None = None
    enrolled: bool = False


# A photo and the hashes of those that its person has already.
_Job = tuple[NamedPhoto, frozenset[str]]


class _Step:
    """Runs in each process of the pool."""

    def __init__(
        self, make_finder: Callable[[], Finder], geometry: ChipGeometry, number: int
    ):
        self._finder, self._geometry = make_finder(), geometry
        self._number = number

    def __call__(self, job: _Job | NamedFace) -> NamedFace:
        if isinstance(job, NamedFace):
            return job
        photo, stored = job
        source = str(photo.path)
        try:
            file = _file_of(photo)
            if file.sha256 in stored:
                face = AlignedFace(source, file.sha256)
                return NamedFace(photo.name, face, photo.masked, enrolled=True)
            read = read_faces(file, self._finder, [self._geometry])
        except ToolkitError as error:
            return _failed(photo, str(error), unread=True)
        number = photo.face or self._number
        if reason := _not_one(read, number):
            return _failed(photo, f"{source}: {reason}")
        face = read.faces[max(0, number - 1)] if read.faces else read.prominent
        return NamedFace(photo.name, face, photo.masked)


def _file_of(photo: NamedPhoto) -> PhotoFile:
    if photo.data is None:
        return read_photo(photo.path)
    refuse_other_kinds(photo.path)
    return PhotoFile(str(photo.path), photo.data)


def _not_one(photo: AlignedPhoto, number: int) -> str:
    """Why it is not clear which face is meant; "" where it is."""
    count = len(photo.faces)
    if number > max(1, count):
        return f"shows {count} faces, there is none with the number {number}."
    if number or count < 2 or not _alike(photo):
        return ""
    return (
        f"shows {count} faces, two of them alike in size and place. Say which with "
        "--face N, numbered as on the card of all faces that `identify` draws, or crop "
        "the photo."
    )


def _alike(photo: AlignedPhoto) -> bool:
    """Whether another face could as well be the subject as the most prominent one."""
    first, *others = (face.box for face in photo.faces)
    height, width = photo.image.shape[:2]

    def off(box: FaceBox) -> float:
        middle = (box.left + box.right) / 2 / width, (box.top + box.bottom) / 2 / height
        return math.hypot(middle[0] - 0.5, middle[1] - 0.5)

    return any(
        box.area_px > _AS_LARGE * first.area_px and off(box) < off(first) + _AS_CENTRAL
        for box in others
    )


def single_faces(
    photos: Iterable[NamedPhoto],
    gallery: Gallery,
    geometry: ChipGeometry,
    make_finder: Callable[[], Finder],
    workers: int,
    number: int = 0,
) -> Iterator[NamedFace]:
    """The face of each photograph, in their order; the bad ones never stop the rest.

    Photographs that are enrolled already are not looked at again, so that a run that
    was interrupted goes on where it stopped.

    Args:
        make_finder: builds a process's finder; picklable for more than one worker.
        workers: processes; 1 works in this one.
        number: of the face in a photo of several, from 1 for the most prominent; 0
            takes that one where no other could as well be meant. What a photo itself
            says counts more.
    """
    jobs = (_job(photo, gallery) for photo in photos)
    yield from ordered_map(partial(_Step, make_finder, geometry, number), jobs, workers)


def _job(photo: NamedPhoto, gallery: Gallery) -> _Job | NamedFace:
    if photo.refused:
        return _failed(photo, photo.refused, unread=True)
    try:
        name = checked_name(photo.name)
    except ToolkitError as error:
        return _failed(photo, f"{photo.path}: {error}", unread=True)
    return photo._replace(name=name), stored_hashes(gallery.store, name)


def _failed(photo: NamedPhoto, reason: str, unread: bool = False) -> NamedFace:
    face = AlignedFace(str(photo.path), failure=reason, unread=unread)
    return NamedFace(photo.name, face)
