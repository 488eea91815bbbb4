"""A calibration fitted on drawn people does what it promises on new ones."""

import numpy as np
import pytest
from drawn_calibrations import flat_calibration

from index.calibration import Match
from index.calibration_fit import (
    HeldOutFaces,
    TooFewStrangers,
    fit_calibration,
)
from index.decision import Judge
from index.probabilities import calibration_error
from index.stranger_distances import OtherTemplates
from training.comparisons import EmbeddedFaces
from training.mask_state import MaskState

DIMENSION = 16
# A mask adds noise and pulls faces together.
NOISE = {False: 0.12, True: 0.2}
PULL = {False: 1.0, True: 0.8}


def people(rng, count):
    return rng.normal(0, 0.25, (count, DIMENSION))


def seen(rng, middles, masked):
    noise = rng.normal(0, NOISE[masked], middles.shape)
    return (PULL[masked] * middles + noise).astype(np.float32)


def held_out(rng, count=300, photos=2):
    middles = people(rng, count)
    owners = np.repeat(np.arange(count, dtype=np.int32), photos)
    numbers = np.arange(count * photos, dtype=np.int32)
    bare, masked = (
        EmbeddedFaces(seen(rng, middles[owners], mask), owners, numbers)
        for mask in (False, True)
    )
    return HeldOutFaces(bare, masked)


@pytest.fixture(scope="module")
def calibration():
    rng = np.random.default_rng(0)
    others = seen(rng, people(rng, 1000), False)
    return fit_calibration(held_out(rng, 500), single(others), "drawn", None)


def single(matrix):
    return OtherTemplates(matrix, np.ones(len(matrix), dtype=np.int64))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [100, 1000])
def test_one_in_a_hundred_new_strangers_is_named(calibration, masked, size):
    rng = np.random.default_rng(7)
    templates = seen(rng, people(rng, size), False).astype(np.float64)
    strangers = seen(rng, people(rng, 4000), masked).astype(np.float64)
    squares = (strangers**2).sum(1)[:, None] + (templates**2).sum(1)
    best = np.sqrt((squares - 2 * strangers @ templates.T).min(axis=1))
    threshold = calibration.threshold(size, 0.01, masked)
    assert 0.005 <= (best < threshold).mean() <= 0.02


def test_masked_templates_have_thresholds_of_their_own(calibration):
    rng = np.random.default_rng(8)
    templates = seen(rng, people(rng, 250), True)
    strangers = seen(rng, people(rng, 2000), True)
    best = np.linalg.norm(strangers[:, None] - templates, axis=2).min(axis=1)
    threshold = calibration.threshold(250, 0.01, True, True)
    assert 0.004 <= (best < threshold).mean() <= 0.022
    assert abs(threshold - calibration.threshold(250, 0.01, True, False)) > 0.005


@pytest.mark.parametrize("masked", [False, True])
def test_probabilities_hold_for_new_people(calibration, masked):
    rng = np.random.default_rng(9)
    middles, strangers = people(rng, 400), people(rng, 400)
    templates = seen(rng, middles, False)
    judge = Judge(calibration, True, 400, 0.01)
    probability, right = [], []
    for number, middle in enumerate(np.concatenate([middles, strangers])):
        probe = seen(rng, middle[None], masked)
        distances = np.linalg.norm(templates - probe, axis=1)
        nearest = np.argsort(distances)[:2]
        matches = [
            Match(str(i), int(i), float(distances[i]), "euclidean") for i in nearest
        ]
        decided = judge.decide(matches, MaskState(float(masked), 0.0))
        probability.append(decided.probability)
        right.append(decided.matches[0].person_id == number)
    error = calibration_error(np.array(probability), np.array(right), np.ones(800))
    assert error < 0.06  # 800 draws alone give about 0.02
    assert 0.2 < np.mean(right) < 0.5


def test_faces_that_were_not_acquired_do_not_count():
    rng = np.random.default_rng(0)
    faces = held_out(rng, 60)
    others = seen(rng, people(rng, 100), False)
    whole = fit_calibration(faces, single(others), "drawn", None)
    lost = np.full((1, DIMENSION), np.nan, np.float32)
    more = [
        EmbeddedFaces(
            np.concatenate([part.embeddings, lost]),
            np.append(part.people, np.int32(999)),
            np.append(part.photos, np.int32(999)),
        )
        for part in (faces.bare, faces.masked)
    ]
    assert fit_calibration(HeldOutFaces(*more), single(others), "drawn", None) == whole


def test_few_people_follow_the_reference_and_have_no_probability():
    rng = np.random.default_rng(0)
    reference = flat_calibration(0.5)
    others = seen(rng, people(rng, 150), False)
    few = fit_calibration(held_out(rng, 6, 3), single(others), "drawn", reference)
    assert few.probability == {}
    assert few.strangers == 6
    # A flat reference: rare false positives come no nearer than frequent ones.
    assert few.threshold(150, 0.01) == pytest.approx(few.threshold(150, 0.1))


def test_too_few_strangers():
    rng = np.random.default_rng(0)
    with pytest.raises(TooFewStrangers, match="1,000 pairs"):
        fit_calibration(
            held_out(rng, 6, 3), single(np.zeros((0, DIMENSION), np.float32)), "", None
        )
