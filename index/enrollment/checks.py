"""What `enroll` asks of a face before it is stored, and its report of each photo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from index.gallery.gallery import Gallery
from index.gallery.people import owner_of
from masking.faces.aligned_faces import AlignedFace
from training.embedders.embedded_face import EmbeddedFace


@dataclass
class EnrollReport:
    """What became of each photograph.

    Attributes:
        added: photos that are now in the gallery.
        known: photos that the same person already had, given twice or earlier.
        failures: photo -> why it could not be enrolled.
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


# Below it, .8% of 250 unmasked photos of RMFRD and none of 400 of LFW and 200 of CelebA
# (below .9: 4%, .7% and .5%). Chosen with a detector of YuNet alone, which found more.
POOR = 0.88


def quality(face: AlignedFace) -> float:
    """Of an unmasked face, 0 to 1, higher is better: how sure the finder is of it.

    Small, blurred, dark, turned and covered faces all look less like a face. As the
    worst photos are left out, errors fall on DevTest, though slower than by the face's
    size or by the agreement of looks (after Terhoerst et al., "SER-FIQ", CVPR 2020);
    sharpness and the descriptor's norm say next to nothing
    (`benchmarks.recognition.template_quality`).
    """
    return face.box.score


def poor_template(face: AlignedFace) -> str:
    """One sentence where an unmasked face makes a poor template, else ""."""
    value = quality(face)
    # 0: nobody looked, as of crops that were made before.
    if not 0 < value < POOR:
        return ""
    return (
        f"{face.source}: this face makes a poor template (quality {value:.2f}, usual "
        f"is {POOR} to 1): it may be small, blurred, dark, turned or covered. Enroll a "
        "better photo, too."
    )


@dataclass(frozen=True)
class EnrollChecks:
    """How strict it is.

    Attributes:
        accepted_as: the names that the gallery would give a face, the nearest first.
        face: number of the face in a photo of several, from 1; 0 = the most prominent.
        allow_duplicate: store what shows somebody of another name, with a notice.
    """

    accepted_as: Callable[[EmbeddedFace], tuple[str, ...]]
    face: int = 0
    allow_duplicate: bool = False


def checked(
    faces: Sequence[tuple[str, EmbeddedFace]],
    gallery: Gallery,
    checks: EnrollChecks,
    report: EnrollReport,
) -> Iterator[tuple[str, EmbeddedFace]]:
    """The faces that may be stored; the report says what is wrong with others."""
    for name, face in faces:
        source = face.face.source
        if not face.masked and (poor := poor_template(face.face)):
            report.doubts.append(poor)
        if owner := owner_of(gallery.store, face.face.sha256, name):
            doubt = f"{source}: this very photograph is enrolled as {owner}."
        else:
            names = checks.accepted_as(face) if gallery.size else ()
            if not names or name in names:
                yield name, face
                continue
            doubt = f"{source}: this face looks like {names[0]}, who is enrolled."
        if checks.allow_duplicate:
            report.doubts.append(doubt)
            yield name, face
            continue
        report.failures[source] = (
            f"{doubt} Give that name, or --allow-duplicate to store it as {name}."
        )
