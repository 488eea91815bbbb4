"""Landmarks and chips guard their shape; moving points follows the matrix."""

import numpy as np
import pytest

from masking import landmarks as markup
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import FaceChip, Landmarks


def test_mirroring_twice_changes_nothing():
    order = markup.MIRROR
    np.testing.assert_array_equal(order[order], np.arange(68))
    assert order[0] == 16 and order[36] == 45 and order[8] == 8


def test_the_parts_of_the_markup_hold_every_point_once():
    parts = (
        markup.JAW,
        markup.RIGHT_BROW,
        markup.LEFT_BROW,
        markup.NOSE_BRIDGE,
        markup.NOSE_BASE,
        markup.RIGHT_EYE,
        markup.LEFT_EYE,
        markup.MOUTH,
    )
    numbers = [number for part in parts for number in range(68)[part]]
    assert numbers == list(range(68))


def test_eye_centres_and_their_distance():
    points = np.zeros((68, 2), np.float32)
    points[36:42] = (10, 20)
    points[36], points[39] = (7, 20), (13, 20)  # corners, 3 px either way
    points[42:48] = (40, 60)
    face = Landmarks(points)
    right, left = face.eye_centres()
    np.testing.assert_array_equal(right, [10, 20])
    np.testing.assert_array_equal(left, [40, 60])
    assert face.interocular_px == pytest.approx(50)  # 30, 40, 50


def test_the_persons_right_is_the_left_of_the_picture():
    right, left = Landmarks(CANONICAL_FACE).eye_centres()
    assert right[0] < 0.5 < left[0]


def test_moving_turns_and_shifts_every_point():
    points = np.arange(136, dtype=np.float32).reshape(68, 2)
    quarter_turn = np.array([[0.0, -1.0, 100.0], [1.0, 0.0, 7.0]])
    moved = Landmarks(points).moved(quarter_turn)
    # (x, y) -> (100 - y, x + 7)
    np.testing.assert_array_equal(moved.points[0], [99, 7])
    np.testing.assert_array_equal(moved.points[67], [100 - 135, 134 + 7])
    assert moved.points.dtype == np.float32


def test_landmarks_are_a_read_only_copy():
    points = np.ones((68, 2), np.float32)
    face = Landmarks(points)
    points[0] = 9
    assert face.points[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        face.points[0] = 5


def test_other_shapes_and_numbers_are_refused():
    with pytest.raises(ValueError, match=r"expected \(68, 2\)"):
        Landmarks(np.zeros((5, 2), np.float32))
    broken = np.zeros((68, 2), np.float32)
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        Landmarks(broken)


def test_a_chip_is_square_colour_and_read_only():
    face = Landmarks(CANONICAL_FACE)
    chip = FaceChip(np.zeros((8, 8, 3), np.uint8), face, "a.jpg")
    with pytest.raises(ValueError, match="read-only"):
        chip.pixels[0] = 1
    for shape in ((8, 9, 3), (8, 8), (8, 8, 4)):
        with pytest.raises(ValueError, match="a chip is"):
            FaceChip(np.zeros(shape, np.uint8), face, "a.jpg")
