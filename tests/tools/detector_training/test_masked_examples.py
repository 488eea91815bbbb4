"""Training pictures of the face finder: the box lies on the face, nothing else does."""

import cv2
import numpy as np
import pytest

from masking.datasets.images import list_images
from masking.datasets.sample import sample_people
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import LEFT_EYE, RIGHT_EYE, Landmarks
from tests.fakes.drawn_faces import WALL, drawn_face
from tools.detector_training.masked_examples import (
    SIDE_PX,
    VIEWS,
    MakeExample,
    background,
    framed,
    mirrored,
    true_box,
)
from tools.detector_training.train_face_finder import held_out


def test_a_mirror_image_has_its_points_under_their_new_names():
    picture, _ = drawn_face(200)
    # The canonical face is symmetric about x = 0.5: about px 99.5 of 200 here.
    face = Landmarks(CANONICAL_FACE * 100 + 49.5)
    image, moved = mirrored(picture, face)
    np.testing.assert_allclose(moved.points, face.points, atol=1e-3)
    np.testing.assert_array_equal(image, picture[:, ::-1])
    aside = Landmarks(face.points + np.float32([30, 0]))
    back = mirrored(*mirrored(picture, aside))
    np.testing.assert_allclose(back[1].points, aside.points, atol=1e-4)
    np.testing.assert_array_equal(back[0], picture)
    shifted = mirrored(picture, aside)[1].points
    np.testing.assert_allclose(shifted, face.points - [30, 0], atol=1e-3)


@pytest.mark.parametrize("view", list(VIEWS))
def test_examples_hold_a_turned_face_in_their_box(view):
    photos = list_images(sample_people())[::60]
    make = MakeExample(view, 0, ())
    turns = []
    for photo in photos:
        example = make(photo)
        assert example is not None
        assert example.pixels.shape == (SIDE_PX, SIDE_PX, 3)
        left, top, right, bottom = example.box
        assert 60 < right - left < 220
        assert right - left == pytest.approx(bottom - top, abs=1)
        points = example.landmarks.points
        for eye in (points[RIGHT_EYE], points[LEFT_EYE]):
            assert left < eye[:, 0].min()
            assert eye[:, 0].max() < right
            assert top < eye[:, 1].min()
        across = points[LEFT_EYE].mean(axis=0) - points[RIGHT_EYE].mean(axis=0)
        turns.append(np.rad2deg(np.arctan2(across[1], across[0])))
        again = make(photo)
        assert again is not None
        np.testing.assert_array_equal(example.pixels, again.pixels)
    # Stretching a picture by exp(0.25) turns directions of 30 degrees by some more.
    wanted, spread = VIEWS[view].turn_deg, VIEWS[view].spread_deg
    assert np.abs(np.array(turns) - wanted).max() < spread + 10
    assert np.ptp(turns) > 3


def test_a_background_keeps_all_but_the_head():
    picture, face = drawn_face(240, fraction=0.3)
    cv2.circle(picture, (12, 12), 5, (250, 0, 0), -1)
    empty = background(picture, face)
    assert empty is not None
    np.testing.assert_array_equal(empty[:, :24], picture[:, :24])
    left, top, right, bottom = true_box(face)
    inside = empty[top:bottom, left:right]
    light = np.abs(inside.astype(int) - np.array(WALL)).max()
    assert light < 40
    assert np.abs(picture[top:bottom, left:right].astype(int) - inside).max() > 60


def test_a_head_that_fills_the_picture_leaves_no_background():
    picture, face = drawn_face(100, fraction=0.9)
    assert background(picture, face) is None


def test_a_framed_piece_lies_whole_in_black():
    white = np.full((250, 250, 3), 255, np.uint8)
    for seed in range(20):
        image = framed(white, np.random.default_rng(seed))
        lit = image[:, :, 0] == 255
        rows, columns = lit.any(axis=1).sum(), lit.any(axis=0).sum()
        assert rows == columns
        assert 90 <= rows < 160
        assert lit.sum() == rows * columns
        assert (image[~lit] == 0).all()
        assert not lit[:10].any()
        assert not lit[:, -10:].any()


def test_a_tenth_of_all_people_is_held_out():
    names = [f"Person_{number}" for number in range(2000)]
    fraction = np.mean([held_out(name) for name in names])
    assert 0.07 < fraction < 0.13
