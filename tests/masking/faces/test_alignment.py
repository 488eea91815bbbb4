"""Chips are upright, keep dlib's geometry, and their landmarks sit on the pixels."""

from typing import Any

import cv2
import dlib
import numpy as np
import pytest

from masking.datasets.images import list_images, read_rgb
from masking.datasets.sample import sample_people
from masking.errors import InvalidConfig
from masking.faces.alignment import (
    ChipGeometry,
    chip_matrix,
    crop_chip,
    detail_of,
    light_of,
    narrowing,
    similarity,
    warp,
    yaw_deg,
)
from masking.faces.finder import unmasked_finder
from masking.faces.mean_face import CANONICAL_FACE, DLIB_SHIFT_X
from masking.landmarks import Landmarks
from tests.fakes.drawn_faces import drawn_face


def test_a_similarity_turns_scales_and_shifts():
    source = np.array([(0, 0), (1, 0), (0, 1)], np.float32)
    # Twice as large, a quarter turn: (1, 0) -> (0, 2), (0, 1) -> (-2, 0).
    target = np.array([(5, 7), (5, 9), (3, 7)], np.float32)
    np.testing.assert_allclose(
        similarity(source, target), [[0, -2, 5], [2, 0, 7]], atol=1e-6
    )


def test_a_similarity_neither_mirrors_nor_stretches():
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)
    # The best turn for a mirror image of a square is none at all: scale 0.
    np.testing.assert_allclose(
        similarity(corners, corners * np.array([-1, 1], np.float32))[:, :2],
        0,
        atol=1e-7,
    )
    # Stretched 3 : 1, the best common scale is the mean, 2.
    stretched = corners * np.array([3, 1], np.float32) + np.array([10, 20], np.float32)
    np.testing.assert_allclose(
        similarity(corners, stretched), [[2, 0, 10], [0, 2, 20]], atol=1e-6
    )


def test_coinciding_points_have_no_similarity():
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.ones((3, 2), np.float32), np.eye(3, 2, dtype=np.float32))


def stretched(across, roll_deg=0.0):
    """The mean face, 100 px wide, stretched, then turned."""
    turn = cv2.getRotationMatrix2D((0, 0), roll_deg, 1)[:, :2]
    points = 100 * CANONICAL_FACE * np.array([across, 1.0]) @ turn.T + 200
    return Landmarks(points.astype(np.float32))


@pytest.mark.parametrize("roll_deg", [0.0, 30.0, 90.0, 180.0])
@pytest.mark.parametrize("across", [1.25, 1.5])
def test_a_stretched_face_is_narrowed_before_it_is_aligned(across, roll_deg):
    geometry = ChipGeometry()
    face = stretched(across, roll_deg)
    placed = face.moved(chip_matrix(face, geometry)).points
    np.testing.assert_allclose(placed, geometry.targets(), atol=0.02)


@pytest.mark.parametrize("across", [1.0, 1.1, 0.7])
def test_faces_as_wide_as_peoples_and_turned_ones_are_left_as_they_are(across):
    face, geometry = stretched(across, 20.0), ChipGeometry()
    np.testing.assert_array_equal(narrowing(face), np.eye(2))
    (a, b, _), (c, d, _) = chip_matrix(face, geometry)
    assert (a, b) == (pytest.approx(d), pytest.approx(-c))


def test_narrowing_begins_without_a_jump():
    # Halfway from .9, where it begins, to .82, from where on the width is the mean's.
    narrow = narrowing(stretched(1 / 0.86))
    np.testing.assert_allclose(narrow, np.diag([0.91, 1.0]), atol=1e-4)
    np.testing.assert_allclose(
        narrowing(stretched(1 / 0.8999)), np.diag([1.0, 1.0]), atol=1e-3
    )


def test_pixels_are_narrowed_like_landmarks():
    image, marks = drawn_face(200)
    wide = np.asarray(cv2.resize(image, None, fx=1.4, fy=1), np.uint8)
    # Pixel centres: x_wide = 1.4 (x + 0.5) - 0.5.
    points = (marks.points + 0.5) * np.array([1.4, 1], np.float32) - 0.5
    base = crop_chip(image, marks, ChipGeometry(), "")
    chip = crop_chip(wide, Landmarks(points), ChipGeometry(), "")
    assert narrowing(Landmarks(points))[0, 0] == pytest.approx(1 / 1.4, abs=0.001)
    difference = np.abs(chip.pixels.astype(int) - base.pixels.astype(int))
    assert difference.mean() < 1


def test_the_canonical_face_lands_where_the_geometry_says():
    geometry = ChipGeometry(size_px=150, padding=0.25)
    assert geometry.square_px == 100
    # The nose tip (0.5, 0.512): shifted, padded, scaled, to pixel centres.
    expected = ((0.5 + DLIB_SHIFT_X + 0.25) * 100 - 0.5, (0.512 + 0.25) * 100 - 0.5)
    np.testing.assert_allclose(geometry.targets()[30], expected, atol=1e-3)
    photo = Landmarks(CANONICAL_FACE * 300 + 20)
    moved = photo.moved(chip_matrix(photo, geometry))
    np.testing.assert_allclose(moved.points, geometry.targets(), atol=1e-3)


def test_a_chip_with_margin_contains_the_chip():
    picture, landmarks = drawn_face(400)
    chip = crop_chip(picture, landmarks, ChipGeometry(), "drawn")
    wide = crop_chip(picture, landmarks, ChipGeometry().with_margin(25), "drawn")
    assert wide.pixels.shape == (200, 200, 3)
    error = np.abs(wide.pixels[25:-25, 25:-25].astype(int) - chip.pixels)
    assert error.mean() < 0.2
    assert chip.pixels.std() > 20
    np.testing.assert_allclose(
        wide.landmarks.points, chip.landmarks.points + 25, atol=1e-3
    )


@pytest.mark.parametrize("degrees", [30, 90, 180, -135])
def test_the_chip_of_a_turned_photo_is_upright(degrees):
    picture, landmarks = drawn_face(400)
    turn = np.deg2rad(degrees)
    cosine, sine = np.cos(turn), np.sin(turn)
    middle = np.array([199.5, 199.5])
    matrix = np.array([[cosine, -sine, 0], [sine, cosine, 0]])
    matrix[:, 2] = middle - matrix[:, :2] @ middle
    upright = crop_chip(picture, landmarks, ChipGeometry(), "drawn")
    turned_picture = warp(picture, matrix, 400)
    turned = crop_chip(turned_picture, landmarks.moved(matrix), ChipGeometry(), "t")
    np.testing.assert_allclose(
        turned.landmarks.points, upright.landmarks.points, atol=1e-2
    )
    inner = (slice(15, -15), slice(15, -15))
    error = np.abs(turned.pixels[inner].astype(int) - upright.pixels[inner])
    assert error.mean() < 2
    assert np.abs(turned_picture.astype(int) - picture).mean() > 10


@pytest.mark.parametrize("shrink", [0.8, 3.3, 7.0])
def test_landmarks_move_with_the_pixels(shrink):
    """A blob at a landmark lies at the moved landmark, for any reduction."""
    size = np.array([907, 1201])  # no multiple of a whole-number reduction
    points = CANONICAL_FACE * 100 * np.float32(shrink)
    face = Landmarks(
        points + np.array([450.3, 380.6], np.float32) - points.mean(axis=0)
    )
    y, x = np.mgrid[: size[0], : size[1]]
    for number in (30, 36, 54):
        at = face.points[number]
        far = ((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * (2.5 * shrink) ** 2)
        blob = (250 * np.exp(-far)).astype(np.uint8)
        chip = crop_chip(np.dstack([blob] * 3), face, ChipGeometry(), "blob")
        weight = chip.pixels[:, :, 0].astype(float)
        rows, columns = np.mgrid[:150, :150]
        centre = np.array([(columns * weight).sum(), (rows * weight).sum()])
        assert weight.max() > 200
        np.testing.assert_allclose(
            centre / weight.sum(), chip.landmarks.points[number], atol=0.1
        )


def test_what_lies_outside_of_the_photo_is_black():
    picture = np.full((100, 100, 3), 200, np.uint8)
    # The face square begins at the picture's corner: the padding, 25 px, is empty.
    chip = crop_chip(picture, Landmarks(CANONICAL_FACE * 60), ChipGeometry(), "cut")
    assert chip.pixels[:23].max() == 0
    assert chip.pixels[:, :22].max() == 0
    assert chip.pixels[28:, 28:].min() == 200


def test_chips_aligned_by_inner_points_are_dlibs():
    finder = unmasked_finder()
    geometry = ChipGeometry(points="inner")
    for photo in list_images(sample_people())[::100]:
        image = read_rgb(photo)
        face = finder.find(image)[0]
        corners = (face.box.left, face.box.top, face.box.right, face.box.bottom)
        # dlib's points are whole numbers.
        marks = Landmarks(np.round(face.landmarks.points))
        parts = dlib.full_object_detection(
            dlib.rectangle(*map(round, corners)),
            dlib.points([dlib.point(int(x), int(y)) for x, y in marks.points]),
        )
        theirs = dlib.get_face_chip(image, parts, size=150, padding=0.25)
        ours = crop_chip(image, marks, geometry, str(photo)).pixels
        shifted = np.roll(ours, 3, axis=1)
        error = np.abs(ours.astype(int) - theirs).mean()
        assert error < 4
        # Three pixels off would be seen.
        assert np.abs(shifted.astype(int) - theirs).mean() > 2 * error


def test_what_a_mask_covers_does_not_move_the_chip():
    points = CANONICAL_FACE * 200 + 50
    covered = points.copy()
    covered[np.r_[0:17, 31:36, 48:68]] += 20
    upper = ChipGeometry()
    np.testing.assert_array_equal(
        chip_matrix(Landmarks(points), upper), chip_matrix(Landmarks(covered), upper)
    )
    inner = ChipGeometry(points="inner")
    moved = chip_matrix(Landmarks(covered), inner) - chip_matrix(
        Landmarks(points), inner
    )
    assert np.abs(moved).max() > 1


def test_a_picture_that_is_more_than_halved_is_averaged_first():
    rows, columns = np.indices((100, 100))
    chequered = np.where((rows + columns) % 2, 255, 0).astype(np.uint8)
    picture = np.repeat(chequered[..., None], 3, axis=2)
    shrunk = warp(picture, np.array([[0.4, 0, 0], [0, 0.4, 0]]), 40)
    # Sampled without that, black and white would come through in a coarse pattern.
    np.testing.assert_allclose(shrunk[1:-1, 1:-1], 127.5, atol=1)


def test_chips_that_cannot_be_are_refused():
    wrong: dict[str, Any]
    for wrong in ({"size_px": 4}, {"padding": -0.1}, {"padding": 3.0}):
        with pytest.raises(InvalidConfig, match="a chip needs"):
            ChipGeometry(**wrong)
    with pytest.raises(InvalidConfig, match="7 px"):
        ChipGeometry(7)
    assert ChipGeometry(8).square_px == pytest.approx(8 / 1.5)
    for right, down in ((1.1, 0.0), (-1.1, 0.0), (0.0, 1.1)):
        with pytest.raises(InvalidConfig, match="at most one square"):
            ChipGeometry(right=right, down=down)
    assert ChipGeometry(right=-1.0, down=1.0).right == -1.0
    with pytest.raises(InvalidConfig, match="expected one of upper, inner"):
        ChipGeometry(points="lower")


def test_a_face_can_lie_beside_the_middle_of_its_chip():
    plain = ChipGeometry(100, 0.5)
    moved = ChipGeometry(100, 0.5, right=0.1, down=-0.2)
    # The square is 50 px wide: 5 px to the right, 10 px up.
    np.testing.assert_allclose(
        moved.targets() - plain.targets(), [[5, -10]] * 68, atol=1e-4
    )
    wider = moved.with_margin(8)
    np.testing.assert_allclose(wider.targets() - moved.targets(), 8, atol=1e-4)
    with pytest.raises(InvalidConfig, match="at most one square"):
        ChipGeometry(down=float("nan"))


def test_one_chip_is_carried_onto_another():
    recorded, wanted = ChipGeometry(200, 0.5), ChipGeometry(112, 0.06, down=0.1)
    matrix = recorded.matrix_to(wanted)
    # Both squares are 100 px: only the middle moves, from 99.5 to 55.5 and 10 down.
    np.testing.assert_allclose(matrix, [[1, 0, -44], [0, 1, -34]], atol=1e-3)


def test_a_crop_of_a_large_picture_shrinks_what_it_shows_alone(monkeypatch):
    """The same bytes as of the whole picture shrunk, wherever the crop lies."""
    rng = np.random.default_rng(0)
    shrunk = []
    resize = cv2.resize

    def counted(image, *args, **kwargs):
        shrunk.append(image.size)
        return resize(image, *args, **kwargs)

    monkeypatch.setattr(cv2, "resize", counted)
    whole = 0
    for _ in range(60):
        height, width = rng.integers(301, 900, 2)
        image = rng.integers(0, 255, (height, width, 3), np.uint8)
        scale, angle = rng.uniform(0.05, 0.5), rng.uniform(-3, 3)
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        middle = rng.uniform(-0.2, 1.2, 2) * [width, height]
        matrix = np.hstack([turn, (16 - turn @ middle)[:, None]])
        steps = int(1 / scale)
        small = resize(
            image, None, fx=1 / steps, fy=1 / steps, interpolation=cv2.INTER_AREA
        )
        shift = matrix[:, 2] + turn @ np.full(2, 0.5 * steps - 0.5)
        there = np.hstack([turn * steps, shift[:, None]])
        wanted = cv2.warpAffine(small, there, (32, 32), flags=cv2.INTER_LINEAR)
        np.testing.assert_array_equal(warp(image, matrix, 32), wanted)
        whole += image.size
    assert 20 < len(shrunk) <= 60 and sum(shrunk) < whole / 2


def test_a_strip_that_shrinks_to_nothing_is_black():
    matrix = np.array([[0.1, 0.0, 0.0], [0.0, 0.1, 0.0]])
    assert warp(np.full((5, 400, 3), 255, np.uint8), matrix, 16).max() == 0


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
