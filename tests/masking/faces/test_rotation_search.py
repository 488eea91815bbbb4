"""Turned and tiny pictures: what is found there is told in px of the given one."""

import cv2
import numpy as np
import pytest

from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from masking.faces.detectors import FaceBox
from masking.faces.finder import Face
from masking.faces.mean_face import CANONICAL_FACE
from masking.faces.rotation_search import (
    CROP,
    TurnedFinder,
    augment_finder,
    whole_picture,
)
from masking.landmarks import Landmarks
from tests.fakes.drawn_people import DrawnFinder

SIDE_PX = 240


class UprightFinder:
    """Sees a face only where a red dot lies straight above a green one.

    The face's box reaches from the red dot to the green one.
    """

    def __init__(self, smallest_px=0):
        self.smallest_px, self.seen = smallest_px, []

    def find(self, image):
        self.seen.append(image.shape)
        red, green = (_middle(image[..., channel]) for channel in (0, 1))
        if red is None or green is None:
            return []
        down = green - red
        if abs(down[0]) > 2 or down[1] < max(3, self.smallest_px):
            return []
        half = float(down[1]) / 2
        x, y = (red + green) / 2
        box = FaceBox(x - half, y - half, x + half, y + half, float(down[1]), "dots")
        return [Face(box, self.landmarks_in(image, box))]

    def landmarks_in(self, image, box):
        corner = np.float32([box.left, box.top])
        return Landmarks(CANONICAL_FACE * np.float32(box.right - box.left) + corner)


def _middle(channel):
    rows, columns = np.nonzero(channel > 120)
    return np.array([columns.mean(), rows.mean()]) if len(rows) else None


def dots(red, green, side_px=SIDE_PX, radius=6):
    picture = np.zeros((side_px, side_px, 3), np.uint8)
    cv2.circle(picture, red, radius, (255, 0, 0), -1)
    cv2.circle(picture, green, radius, (0, 255, 0), -1)
    return picture


@pytest.mark.parametrize(
    ("red", "green", "name"),
    [
        ((120, 60), (120, 160), "dots"),
        # The top of the head lies to the right: turned back counter-clockwise.
        ((180, 120), (80, 120), "dots, turned 90"),
        ((60, 120), (160, 120), "dots, turned -90"),
        ((120, 180), (120, 80), "dots, turned 180"),
        ((160, 80), (80, 160), "dots, turned 45"),
        ((80, 160), (160, 80), "dots, turned -135"),
    ],
)
def test_turned_faces_are_found_where_they_are(red, green, name):
    thorough = UprightFinder()
    (face,) = TurnedFinder(UprightFinder(), thorough).find(dots(red, green))
    assert face.box.detector == name
    assert thorough.seen == []
    up = np.subtract(red, green).astype(float)
    middle = np.add(red, green) / 2
    box = face.box
    np.testing.assert_allclose(
        [(box.left + box.right) / 2, (box.top + box.bottom) / 2], middle, atol=1.5
    )
    assert box.right - box.left == pytest.approx(np.linalg.norm(up), abs=2)
    # By hand: the canonical point (0.5, y) lies (0.5 - y) of the way up the axis.
    bridge, chin = face.landmarks.points[27], face.landmarks.points[8]
    np.testing.assert_allclose(bridge, middle + (0.5 - 0.197) * up, atol=1.5)
    np.testing.assert_allclose(chin, middle + (0.5 - 1.224) * up, atol=2.5)


def test_tiny_pictures_are_enlarged():
    quick = UprightFinder(smallest_px=80)
    tiny = dots((32, 16), (32, 48), side_px=64, radius=3)
    (face,) = TurnedFinder(quick, UprightFinder(999)).find(tiny)
    assert face.box.detector == "dots, enlarged"
    assert quick.seen == [(64, 64, 3), (320, 320, 3)]
    assert face.box.bottom - face.box.top == pytest.approx(32, abs=1)
    np.testing.assert_allclose(face.landmarks.points[27], [32, 32 - 0.303 * 32], atol=1)


def test_a_thorough_search_comes_last():
    quick, thorough = UprightFinder(smallest_px=300), UprightFinder()
    picture = dots((120, 60), (120, 160))
    assert TurnedFinder(quick, thorough).find(picture)[0].box.detector == "dots"
    assert len(quick.seen) == 8  # as it is and seven turns
    assert thorough.seen == [(SIDE_PX, SIDE_PX, 3)]
    nothing = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    assert TurnedFinder(quick, thorough).find(nothing) == []


def test_tiny_pictures_are_searched_thoroughly_as_they_are_then_enlarged():
    nowhere, thorough = UprightFinder(999), UprightFinder(smallest_px=80)
    tiny = dots((32, 16), (32, 48), side_px=64, radius=3)
    (face,) = TurnedFinder(nowhere, thorough).find(tiny)
    assert face.box.detector == "dots, enlarged"
    assert thorough.seen == [(64, 64, 3), (320, 320, 3)]
    assert face.box.bottom - face.box.top == pytest.approx(32, abs=1)
    (face,) = TurnedFinder(nowhere, UprightFinder()).find(tiny)
    assert face.box.detector == "dots"


def test_large_pictures_are_turned_at_the_size_detectors_look_at():
    quick = UprightFinder(smallest_px=9999)
    picture = np.zeros((1500, 3000, 3), np.uint8)
    TurnedFinder(quick, UprightFinder()).find(picture)
    assert quick.seen[0] == (1500, 3000, 3)
    assert max(max(shape) for shape in quick.seen[1:]) < 1100


def test_strips_and_dots_of_pictures_hold_no_face():
    finder = TurnedFinder(UprightFinder(), UprightFinder())
    for shape in ((1, 1, 3), (1, 500, 3), (3000, 2, 3)):
        assert finder.find(np.zeros(shape, np.uint8)) == []


def test_the_whole_picture_is_a_face_only_when_it_could_hold_one():
    finder = DrawnFinder()
    (face,) = whole_picture(np.zeros((60, 40, 3), np.uint8), finder)
    assert face.box == FaceBox(0, 0, 40, 60, 0.0, CROP)
    np.testing.assert_allclose(
        face.landmarks.points, CANONICAL_FACE * np.float32([40, 60]), rtol=1e-5
    )
    assert whole_picture(np.zeros((60, 20, 3), np.uint8), finder) == []


def test_a_real_face_is_found_in_any_turn():
    finder = augment_finder()
    image = read_rgb(sample_people() / "Person_01" / "1.jpg")
    truth = finder.find(image)[0].landmarks
    side = image.shape[0] - 1
    for quarter in (1, 2, 3):
        (face,) = finder.find(np.ascontiguousarray(np.rot90(image, quarter)))
        assert "turned" in face.box.detector
        points = truth.points
        for _ in range(quarter):  # np.rot90: (x, y) comes to (y, side - x)
            points = np.stack([points[:, 1], side - points[:, 0]], axis=1)
        error = np.linalg.norm(face.landmarks.points - points, axis=1).mean()
        assert error < 0.05 * truth.interocular_px
