"""What a face looks like, on landmarks and crops whose numbers are known."""

import cv2
import numpy as np
import pytest

from masking.faces.appearance import detail_of, light_of, yaw_deg
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Landmarks


def mean_face(eyes_px):
    return Landmarks(
        CANONICAL_FACE * (eyes_px / Landmarks(CANONICAL_FACE).interocular_px)
    )


@pytest.mark.parametrize(("turn", "expected"), [(0.0, 0.0), (0.585, 45.0)])
def test_a_nose_beside_the_middle_of_the_eyes_is_a_turned_head(turn, expected):
    points = mean_face(100).points.copy()
    points[30, 0] += 100 * turn
    assert yaw_deg(Landmarks(points)) == pytest.approx(expected, abs=0.1)
    # The same head with rolled shoulders, and in a mirror.
    rolled = Landmarks(points).moved(np.array([[0, -1, 0], [1, 0, 0]]))
    assert yaw_deg(rolled) == pytest.approx(expected, abs=0.1)
    mirrored = Landmarks(points).mirrored(100)
    assert yaw_deg(mirrored) == pytest.approx(-expected, abs=0.1)


def test_light_is_the_mean_of_the_upper_face_and_how_its_sides_differ():
    crop = np.zeros((40, 40, 3), np.uint8)
    crop[8:20, 8:20], crop[8:20, 20:32] = 102, 153
    # (.4 + .6) / 2 and .2 / 1; what lies under a mask does not count.
    assert light_of(crop) == pytest.approx((0.5, 0.2))


@pytest.mark.parametrize("size", [112, 150, 224])
def test_detail_is_what_a_quarter_of_the_pixels_cannot_show(size):
    place = np.indices((size, size)).sum(axis=0) / size * 112
    # Waves of 64 px of a crop of 112 are coarse, those of 5 px fine.
    coarse, fine = (
        np.repeat((128 + 60 * np.sin(2 * np.pi * place / px))[:, :, None], 3, axis=2)
        for px in (64, 5)
    )
    assert detail_of(coarse.astype(np.uint8)) < 0.04
    assert detail_of(fine.astype(np.uint8)) > 0.8
    both = (coarse + fine) / 2
    blurred = cv2.GaussianBlur(both, (0, 0), 5 * size / 112)
    assert detail_of(both.astype(np.uint8)) > 0.4
    assert detail_of(blurred.astype(np.uint8)) < 0.05


def test_one_colour_has_no_detail():
    assert detail_of(np.full((112, 112, 3), 90, np.uint8)) == 0
