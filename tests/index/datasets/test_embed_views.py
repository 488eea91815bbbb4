"""Faces found once are not looked for again, unless something changed."""

import numpy as np
import pytest

from index.datasets.embed_views import (
    RememberingFinder,
    RememberingFinders,
    finder_identity,
)
from masking.faces.finder import Face, default_finder
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import FaceBox, Landmarks


class CountingFinder:
    def __init__(self):
        self.looks = 0

    def find(self, image):
        self.looks += 1
        box = FaceBox(1.5, 2, 30, 40.25, 0.7, "counted")
        return [Face(box, self.landmarks_in(image, box))] if image.any() else []

    def landmarks_in(self, image, box):
        return Landmarks(CANONICAL_FACE * np.float32(30.1))


PICTURE = np.full((8, 8, 3), 9, np.uint8)


@pytest.fixture
def finder():
    return CountingFinder()


def test_the_second_look_gives_the_same_face(finder, tmp_path):
    remembering = RememberingFinder(finder, tmp_path, "cascade")
    (first,), (second,) = remembering.find(PICTURE), remembering.find(PICTURE)
    assert finder.looks == 1
    assert first.box == second.box
    np.testing.assert_array_equal(first.landmarks.points, second.landmarks.points)


def test_no_face_is_remembered_too(finder, tmp_path):
    remembering = RememberingFinder(finder, tmp_path, "cascade")
    black = np.zeros_like(PICTURE)
    assert remembering.find(black) == remembering.find(black) == []
    assert finder.looks == 1


def test_another_picture_shape_or_finder_is_looked_at(finder, tmp_path):
    RememberingFinder(finder, tmp_path, "cascade").find(PICTURE)
    changed = PICTURE.copy()
    changed[3, 3, 0] += 1
    RememberingFinder(finder, tmp_path, "cascade").find(changed)
    RememberingFinder(finder, tmp_path, "cascade").find(PICTURE.reshape(4, 16, 3))
    RememberingFinder(finder, tmp_path, "other").find(PICTURE)
    assert finder.looks == 4


def test_a_damaged_record_costs_a_second_look(finder, tmp_path):
    remembering = RememberingFinder(finder, tmp_path, "cascade")
    remembering.find(PICTURE)
    (record,) = tmp_path.rglob("*.json")
    whole = record.read_bytes()
    digit = whole.replace(b'"right": ', b'"right": 1')
    assert digit != whole
    for damage in (b"", b"{}", b'{"format_version": 1, "faces": [{}]}', digit):
        record.write_bytes(damage)
        assert len(remembering.find(PICTURE)) == 1
    assert finder.looks == 5
    remembering.find(PICTURE)
    assert finder.looks == 5


def test_finders_are_told_apart(tmp_path):
    assert finder_identity(default_finder) == finder_identity(default_finder)
    assert finder_identity(default_finder) != finder_identity(CountingFinder)


def test_each_process_builds_its_own(tmp_path):
    finders = RememberingFinders(CountingFinder, tmp_path)
    finders().find(PICTURE)
    assert finders().find(PICTURE)[0].box.detector == "counted"
    assert len(list(tmp_path.rglob("*.json"))) == 1
