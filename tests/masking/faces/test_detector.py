"""Faces of any size and turn are found once each, and nothing else is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from masking.faces import detector as module
from masking.faces.detector import Detection, FaceDetector, strongest
from masking.faces.finder import unmasked_finder
from masking.landmarks import FaceBox
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
    assert large.overlap(small) == small.overlap(large) == 0.5
    assert large.overlap(FaceBox(10, 0, 20, 10, 1, "")) == 0


def test_one_detection_a_face_stays_the_surest_first():
    found = [face(50, 50, 20, 0.6), face(90, 50, 20, 0.7), face(53, 50, 20, 0.9)]
    assert [one.score for one in strongest(found)] == [0.9, 0.7]


def test_a_surer_face_beside_a_large_one_hides_it_not():
    # The small one lies within the box of the large one, at its edge.
    beside, large = face(90, 30, 20, 0.9), face(50, 50, 80, 0.6)
    assert beside.box.overlap(large.box) == 0.5
    assert strongest([beside, large]) == [beside, large]
    # About one middle both show the same face.
    ghost = face(53, 50, 160, 0.5)
    assert strongest([beside, large, ghost]) == [beside, large]


def test_a_detection_moves_with_its_picture():
    quarter = np.array([[0.0, -2.0, 100.0], [2.0, 0.0, 10.0]])
    moved = face(10, 20, 8, 0.5).moved(quarter)
    # x' = 100 - 2 y, y' = 10 + 2 x; twice as large.
    assert moved.middle.tolist() == [60, 30] and moved.side_px == pytest.approx(16)
    assert moved.points[0].tolist() == [64, 26]
    assert moved.box == FaceBox(52, 22, 68, 38, 0.5, "yunet")


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
        assert away < 0.25 * face.landmarks.interocular_px


@pytest.mark.parametrize(
    ("roll_deg", "side", "wanted"),
    [
        (0.0, 20, 0.7),
        (0.0, 19, np.inf),
        # As turned as 34 and 36 degrees.
        (-394.0, 24, 0.7),
        (324.0, 24, 0.9),
        (90.0, 23, np.inf),
    ],
)
def test_turned_faces_must_be_surer_and_larger_than_upright_ones(
    roll_deg, side, wanted
):
    seen = face(50, 50, side, 0.9)
    assert module._least_score(module._Look(seen, roll_deg, seen)) == wanted


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        (0.7, 0.7, 0.7),
        # Odds of 4 and 1 have the mean 2.
        (0.8, 0.5, 2 / 3),
        # Odds of 9 and 1/49, since no network is surer than .98.
        (0.9, 0.0, 3 / 10),
        (1.0, 1.0, 0.98),
    ],
)
def test_the_joint_score_is_the_mean_of_log_odds(one, other, wanted):
    assert module.joint_score(one, other) == pytest.approx(wanted)
    assert module.joint_score(other, one) == pytest.approx(wanted)


@pytest.fixture
def scripted(monkeypatch):
    """A detector with given candidates, whose looks have a given score by turn."""

    class Level:
        def roll_deg(self, crop):
            return 0.0

    def make(candidates, yunet, proposals=((), ()), other=None):
        detector, asked = FaceDetector(), []

        def looks(scores, name):
            def look(image, one, roll_deg):
                asked.append((name, roll_deg))
                return replace(one, score=scores.get(roll_deg, 0.0))

            return look

        monkeypatch.setattr(detector, "_roll", Level())
        monkeypatch.setattr(detector, "candidates", lambda _: list(candidates))
        monkeypatch.setattr(detector, "look", looks(yunet, "yunet"))
        monkeypatch.setattr(
            detector, "_proposals", lambda _, quarter: list(proposals[quarter])
        )
        monkeypatch.setattr(detector, "_other", looks(other or {}, "other"))
        return detector, asked

    return make


PICTURE = np.zeros((250, 250, 3), np.uint8)


def test_a_sure_face_needs_no_second_network(scripted):
    # (.8 + .92) / 2 = .86
    detector, asked = scripted([face(50, 50, 30, 0.8)], {0.0: 0.92})
    (found,) = detector.detect(PICTURE)
    assert found.score == pytest.approx(0.86) and asked == [("yunet", 0.0)]


@pytest.mark.parametrize(
    ("candidate", "look", "other", "score"),
    [
        # Odds of 9, of the closer look, and 4: mean 6.
        (0.6, 0.9, 0.8, 6 / 7),
        # Odds of 4, of the candidate, and 4.
        (0.8, 0.5, 0.8, 0.8),
        # Odds of 9 and 1/4: mean 3/2.
        (0.6, 0.9, 0.2, None),
        # Odds of 1 and 9: mean 3.
        (0.5, 0.1, 0.9, 3 / 4),
    ],
)
def test_both_networks_decide_on_unsure_faces(scripted, candidate, look, other, score):
    one = face(50, 50, 30, candidate)
    detector, _ = scripted([one], {0.0: look}, other={0.0: other})
    found = detector.detect(PICTURE)
    assert [one.score for one in found] == ([pytest.approx(score)] if score else [])


def test_what_both_propose_at_one_place_is_one_face_with_both_scores(scripted):
    # The closer looks see less: odds of 4, YuNet's, and 9, RetinaFace's: mean 6.
    detector, _ = scripted(
        [face(50, 50, 30, 0.8)],
        {0.0: 0.3},
        ([face(52, 50, 30, 0.9), face(150, 50, 30, 0.1)], []),
        {0.0: 0.4},
    )
    (found,) = detector.detect(PICTURE)
    assert found.score == pytest.approx(6 / 7)
    assert found.middle.tolist() == [52, 50]


def test_faces_are_turned_to_where_both_networks_see_them_best(scripted):
    one = replace(face(50, 50, 30, 0.95), turn_deg=180.0)
    scores = {180.0: 0.5, 270.0: 0.95}
    detector, asked = scripted([], scores, ([one], []), scores)
    (found,) = detector.detect(PICTURE)
    assert found.score == pytest.approx(0.95)
    assert asked[0] == ("yunet", 180.0)
    assert asked[1:5] == [("other", turn) for turn in (180.0, 270.0, 360.0, 450.0)]
    # What RetinaFace saw at the best turn is not asked for again.
    assert [what for what in asked[5:] if what[0] == "other"] == [
        ("other", 180.0),
        ("other", 270.0),
    ]


def test_a_wrong_proposal_on_its_head_hides_no_face(scripted):
    # Upright the odds are 9 and 9; on its head RetinaFace was surer, at first.
    upright = face(50, 50, 30, 0.6)
    over = replace(face(52, 50, 30, 0.95), turn_deg=180.0)
    scores = {0.0: 0.86}
    detector, _ = scripted([upright], scores, ([over], []), scores)
    (found,) = detector.detect(PICTURE)
    assert found.middle.tolist() == [50, 50]


@pytest.mark.parametrize(("turned", "kept"), [(0.96, 0.86), (0.98, 0.98)])
def test_of_looks_at_a_face_an_upright_one_is_preferred(scripted, turned, kept):
    # Upright .86 + .92 + .1 = 1.88, on its head .96 or .98 and .91.
    upright = face(50, 50, 30, 0.6)
    over = replace(face(52, 50, 30, 0.95), turn_deg=180.0)
    detector, _ = scripted(
        [upright], {0.0: 0.86, 180.0: turned}, ([over], []), {0.0: 0.92, 180.0: 0.91}
    )
    (found,) = detector.detect(PICTURE)
    assert found.score == pytest.approx(module.joint_score(kept, 0.95))


@pytest.mark.parametrize(
    ("upright", "over", "others", "kept"),
    [
        # Odds of 9 and of 32.
        (0.88, 0.89, (0.9, 0.97), 0.89),
        # 9 and 24 are less than three times as high.
        (0.88, 0.89, (0.9, 0.96), 0.88),
        (0.88, 0.87, (0.9, 0.97), 0.88),
        # RetinaFace is as sure as can be of both.
        (0.88, 0.89, (1.0, 1.0), 0.88),
        # Nobody doubts such a look.
        (0.9, 0.92, (0.9, 0.97), 0.9),
    ],
)
def test_a_face_is_on_its_head_where_both_networks_see_more(
    scripted, upright, over, others, kept
):
    detector, _ = scripted(
        [face(50, 50, 30, 0.9)],
        {0.0: upright, 180.0: over},
        other=dict(zip((0.0, 180.0), others, strict=True)),
    )
    (found,) = detector.detect(PICTURE)
    assert found.score == pytest.approx((0.9 + kept) / 2)


@pytest.mark.parametrize(
    # At the slant .92 and .95; as it was proposed .8 and what RetinaFace says.
    ("straight", "slanted", "beside", "both"),
    [
        (0.89, 0.95, [], (0.92, 0.95)),
        (0.9, 0.95, [], (0.8, 0.9)),
        (0.89, 0.95, [0.95], (0.8, 0.89)),
        # Not sure enough.
        (0.85, 0.89, [], (0.8, 0.85)),
    ],
)
def test_slants_are_looked_at_where_no_quarter_and_no_plain_face_is(
    scripted, straight, slanted, beside, both
):
    one, plain = face(50, 50, 30, 0.8), [face(150, 50, 30, sure) for sure in beside]
    detector, _ = scripted([], {135.0: 0.92}, other={0.0: straight, 135.0: slanted})
    looks = {one: module._Look(one, 0.0, replace(one, score=0.0))}
    found = detector._judged(PICTURE, plain, looks, [])
    scores = [*beside, module.joint_score(*both)]
    assert [each.score for each in found] == pytest.approx(scores)


def test_what_no_side_shows_is_looked_at_no_further(scripted):
    detector, asked = scripted([face(50, 50, 30, 0.6)], {}, other={90.0: 0.29})
    assert detector.detect(PICTURE) == [] and len(asked) == 5


@pytest.mark.parametrize("upright", [False, True])
def test_faces_on_their_side_are_proposed_where_nothing_else_is(scripted, upright):
    first = [face(50, 50, 30, 0.9)] if upright else []
    side = replace(face(150, 50, 30, 0.95), turn_deg=90.0)
    scores = {0.0: 0.8, 90.0: 0.95}
    detector, _ = scripted([], scores, (first, [side]), scores)
    (found,) = detector.detect(PICTURE)
    assert found.middle.tolist() == ([50, 50] if upright else [150, 50])


def test_unsure_points_are_the_mean_of_both_networks(scripted, monkeypatch):
    detector, _ = scripted([], {0.0: 0.8})
    seen = face(50, 50, 30, 0.8)

    def other(image, one, roll_deg):
        return replace(one, points=one.points + np.float32(4), score=0.9)

    monkeypatch.setattr(detector, "_other", other)
    for score, by in ((0.8, 2), (0.88, 0)):
        look = module._Look(seen, 0.0, replace(seen, score=score))
        found = detector._confirmed(PICTURE, look)
        assert found.other == 0.9
        np.testing.assert_allclose(found.seen.points, seen.points + by)


@pytest.mark.parametrize(
    ("score", "look", "read"), [(0.9, 0.9, []), (0.7, 0.9, [0]), (0.7, 0.1, [0, 1])]
)
def test_the_second_network_reads_pictures_without_a_sure_face(
    scripted, monkeypatch, score, look, read
):
    detector, _ = scripted([face(50, 50, 30, score)], {0.0: look}, other={0.0: look})
    asked = []
    monkeypatch.setattr(
        detector, "_proposals", lambda _, turn: asked.append(turn) or []
    )
    assert len(detector.detect(PICTURE)) == (look == 0.9) and asked == read


@pytest.mark.parametrize("turn", range(4))
def test_turned_faces_are_proposed_where_they_are(detector, portraits, turn):
    for portrait in portraits:
        (upright,) = detector.detect(portrait)
        over = np.ascontiguousarray(np.rot90(portrait, -turn))
        best = max(detector._proposals(over, turn % 2), key=lambda one: one.score)
        x, y = upright.points[:2].T
        wanted = np.stack(
            [(x, y), (249 - y, x), (249 - x, 249 - y), (y, 249 - x)][turn]
        )
        wanted = wanted.T
        assert best.turn_deg == 90 * turn
        away = np.linalg.norm(best.points[:2] - wanted, axis=1).max()
        assert away < 0.15 * np.linalg.norm(wanted[0] - wanted[1])


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
