"""The benchmark counts what is found, missed, turned away from, and seen by nobody."""

import numpy as np
import pytest

from benchmarks.face_finding.lfw_faces import background, tight_crop, turned
from benchmarks.face_finding.line import Clock, Line, eye_error, near, same_face
from benchmarks.face_finding.scenes import scene, scene_lines
from benchmarks.face_finding.web_photos import read_boxes, web_lines
from masking.datasets.images import write_image
from masking.faces.finder import Face
from masking.landmarks import FaceBox, Image, Landmarks
from tests.fakes.drawn_faces import drawn_face


def box(left, top, right, bottom):
    return FaceBox(left, top, right, bottom, 1.0, "")


class DrawnClock(Clock):
    """Finds the same boxes in every picture."""

    def __init__(self, *boxes: FaceBox):
        landmarks = Landmarks(np.zeros((68, 2), np.float32))
        self._faces = [Face(one, landmarks) for one in boxes]

    def find(self, image: Image) -> list[Face]:
        return self._faces

    def line(self, name: str, found: int, of: int, goal: float, note: str = "") -> Line:
        return Line(name, found, of, goal, 2.0, 1.0, note)


def test_boxes_are_of_one_face_when_they_share_half_of_the_smaller():
    assert same_face(box(0, 0, 10, 10), box(5, 0, 15, 10))
    assert not same_face(box(0, 0, 10, 10), box(6, 0, 16, 10))
    # A tenth of the large box: another face in it.
    assert not same_face(box(0, 0, 100, 100), box(0, 0, 31, 32))


@pytest.fixture
def web(tmp_path):
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, np.zeros((200, 200, 3), np.uint8))
    (tmp_path / "faces.csv").write_text(
        "file,left,top,right,bottom,yunet,retinaface\n"
        "a.png,0,0,50,50,0.9,0.9\n"  # found, the largest
        "a.png,100,100,130,130,0.9,0.9\n"  # missed
        "a.png,150,0,170,20,0.9,0.9\n"  # below 24 px
        "b.png,0,0,45,45,,0.9\n"  # seen by one detector only
    )
    return tmp_path


def test_largest_and_all_faces_that_both_detectors_saw_are_counted(web):
    assert [both for _, both in read_boxes(web / "faces.csv")["a.png"]] == [True] * 3
    # In each photo one box on a face and one where nobody sees any.
    clock = DrawnClock(box(0, 0, 50, 50), box(60, 150, 90, 180))
    largest, all_ = web_lines(clock, web, None)
    assert (largest.found, largest.of) == (1, 1)
    assert (all_.found, all_.of) == (1, 2)
    assert largest.note == "100.0 others in 100 photos"
    lines = web_lines(clock, web, web / "faces.csv")
    # The table itself sees everything that it lists.
    assert [(line.found, line.of) for line in lines[2:]] == [(1, 1), (2, 2)]


def test_a_goal_that_is_missed_is_marked():
    assert " < 0.980" in Line("x", 97, 100, 0.98, 1.0, 1.0).text()
    assert "<" not in Line("x", 98, 100, 0.98, 1.0, 1.0).text()


def test_landmarks_stay_on_the_face_when_it_is_turned_or_cropped():
    image, marks = drawn_face(250)
    for degrees in (45, 90, 180):
        seen, there = turned(image, marks, degrees)
        right, left = there.eye_centres()
        roll = np.rad2deg(np.arctan2(*(left - right)[::-1])) % 360
        assert roll == pytest.approx(degrees, abs=3)
        assert np.all(there.points >= 0) and np.all(there.points < seen.shape[1::-1])
    crop, there = tight_crop(image, marks)
    assert crop.shape == (160, 160, 3) and there.points.min() >= 0
    assert there.points.max() < 160
    empty = background(image, marks)
    assert empty is None or empty.shape == image.shape


def test_the_nearest_face_within_an_eye_distance_is_the_one():
    _, marks = drawn_face(250)
    side = np.array([marks.interocular_px, 0], np.float32)
    beside = Landmarks(marks.points + 1.1 * side)
    there = Landmarks(marks.points + 0.5 * side)
    faces = [Face(box(0, 0, 1, 1), one) for one in (beside, there)]
    assert near(faces, marks) is faces[1] and near(faces[:1], marks) is None
    assert eye_error(there, marks) == pytest.approx(0.5, rel=1e-4)


def test_scenes_hold_their_portraits_where_they_say():
    portrait = np.full((10, 10, 3), 255, np.uint8)
    image, places = scene([portrait], 100, 60, 7, 20)
    assert len(places) == 7 and image.shape == (60, 100, 3)
    assert places[5] == FaceBox(0, 20, 20, 40, 0.0, "")
    assert image[20:40, :20].min() == 255
    lines = scene_lines(DrawnClock())
    assert [line.found for line in lines[:-1]] == [0] * 5 and lines[-1].found == 1
