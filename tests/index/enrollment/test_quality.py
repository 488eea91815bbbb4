"""Poor templates are told by how sure the finder is."""

from dataclasses import replace

import numpy as np
import pytest

from index.enrollment.face_step import (
    EnrollChecks,
    EnrollReport,
    checked,
    poor_template,
    quality,
)
from index.gallery.gallery import open_or_create_gallery
from masking.faces.detector import FaceBox
from masking.faces.finder import AlignedFace
from tests.fakes.galleries import FakeEmbedder
from training.embedders.embedded_face import EmbeddedFace


def face(score):
    return AlignedFace("a.jpg", "ab" * 32, FaceBox(0, 0, 9, 9, score, "drawn"))


@pytest.mark.parametrize(("score", "poor"), [(0.87, True), (0.88, False), (1.0, False)])
def test_a_face_that_the_finder_is_not_sure_of_is_poor(score, poor):
    assert quality(face(score)) == score
    assert bool(poor_template(face(score))) == poor


def test_the_sentence_names_photo_and_quality():
    sentence = poor_template(face(0.7))
    assert sentence.startswith("a.jpg: this face makes a poor template (quality 0.70,")


def test_a_crop_that_no_finder_saw_is_not_called_poor():
    assert poor_template(face(0.0)) == ""


def test_enroll_warns_of_a_poor_unmasked_face_and_stores_it(tmp_path):
    poor = EmbeddedFace(face(0.7), np.zeros(4, np.float32), masked=False)
    worn = replace(poor, masked=True)
    report = EnrollReport()
    checks = EnrollChecks(lambda one: ())
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as gallery:
        faces = [("Ada", poor), ("Ben", worn)]
        stored = [name for name, _ in checked(faces, gallery, checks, report)]
    assert stored == ["Ada", "Ben"]
    assert report.doubts == [poor_template(face(0.7))]
