"""Thresholds and decisions, computed by hand."""

import math

import numpy as np
import pytest

from index.calibration import (
    Calibration,
    Match,
    calibrate,
    decide,
    threshold_for,
)
from masking.errors import BadRecord


def match(name, distance):
    return Match(name, 1, distance, "euclidean")


def test_threshold_names_at_most_the_asked_share():
    # 200 strangers at 0.01, 0.02 ... 2.00: 1% are the two below 0.03.
    best = np.arange(1, 201)[::-1] / 100
    threshold = threshold_for(best, fpir=0.01)
    assert threshold == 0.03
    assert (best < threshold).mean() == 0.01


def test_threshold_of_few_strangers_names_none_of_them():
    assert threshold_for([0.7, 0.5, 0.9], fpir=0.01) == 0.5


def test_ties_do_not_raise_the_share():
    best = [0.5] * 50 + [0.9] * 50
    assert (np.array(best) < threshold_for(best, fpir=0.1)).mean() <= 0.1


@pytest.mark.parametrize("wrong", [[], [0.5, float("nan")]])
def test_threshold_needs_finite_distances(wrong):
    with pytest.raises(ValueError, match="finite"):
        threshold_for(wrong)


def test_threshold_of_a_gallery_is_read_off_the_tail():
    # One person: FAR = FPIR. Halfway between 1e-3 and 1e-1 in the logarithm.
    calibration = Calibration((1e-3, 1e-1), (0.4, 0.6), 10_000, "drawn")
    assert calibration.threshold(1, fpir=0.01) == pytest.approx(0.5)


def test_threshold_below_the_tail_follows_its_slope():
    # Distance falls by 0.1 a decade; N = 100 needs FAR = 1 - 0.99 ** 0.01.
    calibration = Calibration((1e-3, 1e-2), (0.5, 0.6), 10_000, "drawn")
    far = 1 - 0.99**0.01
    wanted = 0.5 + 0.1 * (math.log10(far) + 3)
    assert calibration.threshold(100, fpir=0.01) == pytest.approx(wanted, abs=1e-6)


def test_threshold_is_never_negative():
    calibration = Calibration((1e-3, 1e-2), (0.1, 0.6), 10_000, "drawn")
    assert calibration.threshold(1_000_000) == 0.0


def test_larger_galleries_are_stricter():
    distances = np.random.default_rng(0).normal(1.0, 0.1, (500, 200))
    calibration = calibrate(distances, "drawn")
    thresholds = [calibration.threshold(size) for size in (10, 100, 1000, 10_000)]
    assert thresholds == sorted(thresholds, reverse=True)


def test_calibrated_threshold_keeps_the_asked_rate_on_new_strangers():
    rng = np.random.default_rng(0)
    calibration = calibrate(rng.normal(1.0, 0.1, (500, 200)), "drawn")
    best = rng.normal(1.0, 0.1, (20_000, 50)).min(axis=1)
    assert (best < calibration.threshold(50)).mean() == pytest.approx(0.01, abs=0.004)


def test_calibration_needs_enough_distances():
    with pytest.raises(ValueError, match="1,000"):
        calibrate(np.ones(999), "drawn")


def test_calibration_survives_json():
    calibration = calibrate(np.random.default_rng(0).random(2000), "drawn")
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"far": [0.1], "distance": [1], "pairs": 1, "source": ""}'],
)
def test_damaged_calibration_is_refused(text):
    with pytest.raises(BadRecord):
        Calibration.from_json(text)


def test_accepts_strictly_below_the_threshold():
    matches = (match("Person_01", 0.43), match("Person_02", 0.5))
    assert decide(matches, 0.55, "euclidean", True).name == "Person_01"
    assert decide(matches, 0.43, "euclidean", True).name is None
    assert decide((), 0.55, "euclidean", True).name is None
