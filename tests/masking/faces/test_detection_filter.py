"""The second look at what a detector is not sure of, and how it is trained."""

from dataclasses import replace

import numpy as np
import pytest

from masking.datasets.images import read_rgb
from masking.errors import BadRecord, MissingInput
from masking.faces.detection_filter import (
    FORMAT_VERSION,
    SLACK,
    CheckedDetector,
    CheckedPredictor,
    FaceCheck,
    looked_at,
)
from masking.faces.finder import hog_stages, masked_predictor, plain_finder
from masking.faces.hog import GRADIENTS
from masking.faces.model_files import FACE_CHECK, own_model
from masking.landmarks import Landmarks
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from tests.fakes.detector_stages import BLANK, FixedStage, photos, scored
from tools.detector_training.masked_examples import background
from tools.detector_training.train_face_check import Candidates, MakeCandidates, fit


@pytest.fixture(scope="module")
def check():
    return FaceCheck(own_model(FACE_CHECK))


def test_faces_masked_or_unmasked_are_told_from_what_is_beside_them(check):
    finder, predictor = plain_finder(), masked_predictor()
    faces, others = [], []
    for number, photo in enumerate(photos(12)):
        image = read_rgb(photo)
        (face,) = finder.find(image)
        specs = draw_specs(sample_rng(number, "check"), SpecConfig())
        masked = render(image, face.landmarks, specs).pixels
        empty = background(image, face.landmarks)
        for picture, scores in ((image, faces), (masked, faces), (empty, others)):
            marks = predictor.predict(picture, face.box)
            scores.append(check.score(picture, marks))
    assert min(faces) > 0
    assert max(others) < -1


def model_file(path, **changes):
    rng = np.random.default_rng(0)
    parts = {
        "format_version": np.int64(FORMAT_VERSION),
        "weights": rng.normal(0, 0.1, GRADIENTS).astype(np.float16),
        "offset": np.float64(0.5),
    }
    np.savez(path, **(parts | changes))
    return path


def test_the_score_is_a_weighted_sum_of_gradients(tmp_path):
    path = model_file(tmp_path / "check.npz")
    image = read_rgb(photos(1)[0])
    marks = plain_finder().find(image)[0].landmarks
    weights = np.load(path)["weights"].astype(np.float32)
    wanted = weights @ looked_at(image, marks) + 0.5
    assert FaceCheck(path).score(image, marks) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format_version": np.int64(FORMAT_VERSION + 1)}, "format version 2"),
        ({"weights": np.zeros(3, np.float16)}, "damaged"),
        ({"offset": np.array(["x"])}, "damaged"),
    ],
)
def test_wrong_models_are_refused(tmp_path, change, problem):
    with pytest.raises(BadRecord, match=rf"check.npz: {problem}"):
        FaceCheck(model_file(tmp_path / "check.npz", **change))


def test_missing_and_torn_models_are_named(tmp_path):
    path = tmp_path / "check.npz"
    with pytest.raises(MissingInput, match=r"check.npz: the model that checks"):
        FaceCheck(path)
    path.write_bytes(own_model(FACE_CHECK).read_bytes()[:500])
    with pytest.raises(BadRecord, match=r"check.npz: damaged"):
        FaceCheck(path)


class FixedCandidates(FixedStage):
    """A stage that answers every detector's boxes."""

    candidates = FixedStage.detect


class FixedCheck:
    """Answers by the left side of the box that was looked at."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def glance(self, image, box):
        return Landmarks(np.full((68, 2), box.left, np.float32))

    def steadied(self, image, first):
        return Landmarks(first.points + np.float32(1))

    def score(self, image, landmarks):
        left = int(landmarks.points[0, 0])
        self.asked.append(left)
        return self.answers[f"at_{left}"]


def test_what_the_detector_is_sure_of_is_not_looked_at_again():
    stage = FixedCandidates(
        scored(0, 0, 9, 9, SLACK + 0.9),
        scored(20, 0, 29, 9, SLACK + 0.7),
        scored(40, 0, 49, 9, 0.1),
        scored(60, 0, 69, 9, 0.1),
    )
    check = FixedCheck(at_20=-5.0, at_40=4.0, at_60=-0.8)
    found = CheckedDetector(stage, check, check).detect(BLANK)
    assert check.asked == [20, 40, 60]
    # 0.7 - 5/4 + 0.1 is below 0, and so is 0.1 - 0.45 - 0.8/4 + 0.1.
    assert [box.left for box in found] == [0, 40]
    assert [box.score for box in found] == pytest.approx([0.9, 0.75])
    assert found[0] == replace(stage.boxes[0], score=found[0].score)


def test_only_near_the_border_steadier_landmarks_decide():
    stage = FixedCandidates(
        scored(0, 0, 9, 9, SLACK),
        scored(20, 0, 29, 9, SLACK),
        scored(40, 0, 49, 9, SLACK),
    )
    # At first sight .1, -.15 and 1.1.
    check = FixedCheck(at_0=0.0, at_1=-1.0, at_20=-1.0, at_21=2.0, at_40=4.0)
    found = CheckedDetector(stage, check, check).detect(BLANK)
    assert check.asked == [0, 1, 20, 21, 40]
    assert [box.left for box in found] == [40, 20]


def test_of_two_boxes_on_a_face_the_better_one_after_the_check_stays():
    stage = FixedCandidates(
        scored(0, 0, 10, 10, SLACK + 0.3),
        scored(2, 0, 12, 10, SLACK + 0.1),
        scored(50, 0, 60, 10, SLACK + 0.9),
        scored(51, 0, 61, 10, SLACK + 0.1),  # on a face that is sure already
    )
    check = FixedCheck(at_0=1.0, at_2=3.0)
    found = CheckedDetector(stage, check, check).detect(BLANK)
    assert check.asked == [0, 2]
    assert [box.left for box in found] == [50, 2]


def test_stages_with_slack_see_more_and_count_it_from_lower_thresholds():
    image = read_rgb(photos(1)[0])
    for usual, slack in zip(hog_stages(), hog_stages(SLACK), strict=True):
        few, many = usual.detect(image), slack.detect(image)
        assert len(many) >= len(few) >= 1
        assert many[0].score == pytest.approx(few[0].score + SLACK, abs=1e-6)


def test_candidates_of_one_photograph():
    step = MakeCandidates((), 0)
    parts = [step(photo) for photo in photos(6)]
    rows = np.concatenate([part.rows for part in parts])
    faces = np.concatenate([part.faces for part in parts])
    assert rows.shape == (len(faces), GRADIENTS)
    # Every face is seen unmasked, masked and cropped by several detectors.
    assert faces.sum() > 6 * 5
    assert (~faces).any()
    again = step(photos(1)[0])
    np.testing.assert_array_equal(again.rows, parts[0].rows)


def test_training_tells_the_classes_apart():
    rng = np.random.default_rng(0)
    direction = rng.normal(size=20)
    rows = rng.normal(size=(400, 20)).astype(np.float32)
    faces = rows @ direction > 3  # a few faces among many others
    weights, offset = fit(Candidates(rows, faces))
    odds = rows @ weights + offset
    assert weights.dtype == np.float32
    assert np.corrcoef(weights, direction)[0, 1] > 0.9
    assert (odds[faces] > 0).mean() > 0.8


class PredictorAt:
    """Landmarks lie where the box does: right when its left side is one of these."""

    def predict(self, image, box):
        return self.steadied(image, self.glance(image, box))

    def glance(self, image, box):
        return Landmarks(np.full((68, 2), box.left, np.float32))

    def steadied(self, image, first):
        return Landmarks(first.points + np.float32(0.25))


class CheckBy:
    """Scores by the distance of the landmarks from a place."""

    def __init__(self, place, best):
        self.place, self.best, self.asked = place, best, 0

    def score(self, image, landmarks):
        self.asked += 1
        return self.best - abs(float(landmarks.points[0, 0]) - self.place) / 10


def test_likely_landmarks_are_left_alone():
    check = CheckBy(place=100.25, best=2.0)
    found = CheckedPredictor(PredictorAt(), check).predict(
        BLANK, scored(100, 0, 200, 100, 1)
    )
    assert found.points[0, 0] == 100.25
    assert check.asked == 1


def test_landmarks_beside_the_face_are_looked_for_again():
    # One of the boxes about this one begins at 87.5: 20 px to the left, 85 px wide.
    check = CheckBy(place=87.5, best=1.5)
    found = CheckedPredictor(PredictorAt(), check).predict(
        BLANK, scored(100, 0, 200, 100, 1)
    )
    assert found.points[0, 0] == 87.75


def test_landmarks_that_are_hardly_better_do_not_replace_the_first():
    check = CheckBy(place=96.0, best=1.5)
    found = CheckedPredictor(PredictorAt(), check).predict(
        BLANK, scored(100, 0, 200, 100, 1)
    )
    assert found.points[0, 0] == 100.25


def test_a_poor_box_on_a_real_face_is_mended(check):
    """A box that is off by a third of its side."""
    predictor = masked_predictor()
    checked = CheckedPredictor(predictor, check)
    errors = []
    for photo in photos(6):
        image = read_rgb(photo)
        (face,) = plain_finder().find(image)
        off = 0.35 * (face.box.right - face.box.left)
        box = replace(face.box, left=face.box.left + off, right=face.box.right + off)
        eye = face.landmarks.interocular_px
        errors.append(
            [
                np.abs(way.predict(image, box).points - face.landmarks.points)[
                    36:48
                ].mean()
                / eye
                for way in (predictor, checked)
            ]
        )
    plain, mended = np.mean(errors, axis=0)
    assert mended < 0.5 * plain
