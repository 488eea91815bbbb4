"""What `enroll` asks of a face before it is stored: somebody else's? Good enough?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from index.enrollment.quality import poor_template
from index.enrollment.report import EnrollReport
from index.gallery.gallery import Gallery
from index.gallery.people import owner_of
from training.embedders.embedded_face import EmbeddedFace


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
