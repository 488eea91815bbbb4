"""Poor templates are told by size, light, turn, blur and how sure the detector is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from index.calibration.calibration import Decision
from index.enrollment.stage import EnrollChecks, EnrollReport, checked, poor_template
from index.gallery.gallery import open_or_create_gallery
from masking.faces.finder import AlignedFace
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import FaceBox, Landmarks
from tests.fakes.galleries import FakeEmbedder
from training.embedders.embedded_face import EmbeddedFace


def face(score=1.0, eyes_px=40.0, nose=0.0, crop=None):
    """A face, whose tip of the nose lies beside the middle of its eyes by `nose`."""
    points = CANONICAL_FACE * (eyes_px / Landmarks(CANONICAL_FACE).interocular_px)
    points[30, 0] += nose * eyes_px
    if crop is None:
        crop = np.random.default_rng(0).integers(60, 200, (112, 112, 3), np.uint8)
    box = FaceBox(0, 0, 9, 9, score, "drawn")
    return AlignedFace("a.jpg", "ab" * 32, box, Landmarks(points), (crop,))


def blurred(crop):
    soft = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), 6)
    return cv2.normalize(soft, None, 0, crop.max(), cv2.NORM_MINMAX).astype(np.uint8)


NOISE = np.random.default_rng(0).integers(0, 255, (112, 112, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (face(), ""),
        (face(0.88), ""),
        (face(0.87), "hard to see: it may be covered"),
        (face(eyes_px=20), ""),
        (face(eyes_px=19), "small (19 px between the eyes)"),
        # .585 of the distance between the eyes are 45 degrees.
        (face(nose=0.57), ""),
        (face(nose=-0.61), "turned by 46 degrees"),
        (face(crop=NOISE // 5), "dark"),
        (face(crop=NOISE // 4 + 3), ""),
        (face(crop=blurred(NOISE)), "blurred"),
        # Small faces are blurred as well: said once.
        (
            face(0.5, 12, crop=blurred(NOISE // 9)),
            "small (12 px between the eyes), dark",
        ),
    ],
)
def test_what_makes_a_template_poor_is_said(seen, why):
    sentence = f"a.jpg: this face makes a poor template, as it is {why}."
    assert poor_template(seen, False) == (
        why and f"{sentence} Enroll a better photo, too."
    )


def test_under_a_mask_a_face_is_hard_to_see_but_may_be_small():
    assert poor_template(face(0.5), True) == ""
    assert "small" in poor_template(face(0.5, 12), True)


def test_a_crop_that_no_finder_saw_is_not_called_poor():
    assert poor_template(face(0.0, 5), False) == ""


DECISION = Decision((), (), 0.0, True)


def test_enroll_warns_of_a_poor_unmasked_face_and_stores_it(tmp_path):
    poor = EmbeddedFace(face(0.7), np.zeros(4, np.float32), masked=False)
    worn = replace(poor, face=replace(poor.face, sha256="cd" * 32), masked=True)
    report = EnrollReport()
    checks = EnrollChecks(lambda one: DECISION)
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as gallery:
        faces = [("Ada", poor), ("Ben", worn)]
        stored = [name for name, _ in checked(faces, gallery, checks, report)]
    assert stored == ["Ada", "Ben"]
    assert report.doubts == [poor_template(face(0.7), False)]
