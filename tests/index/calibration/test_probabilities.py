"""Probabilities of matches: the formula by hand, the fit on drawn people."""

import math

import numpy as np
import pytest

from benchmarks.shared.judged_probes import calibration_error
from index.calibration.probabilities import (
    LARGEST_MARGIN,
    MatchProbability,
    fit_probability,
)
from masking.errors import BadRecord


def test_probability_is_the_logistic_of_closeness_and_margin():
    model = MatchProbability(offset=-1.0, closeness=2.0, margin=0.5)
    # 0.05 and 0.2 are 0.5 and 2 tenths: -1 + 2 * 0.5 + 0.5 * 2 = 1.
    assert model.of(0.05, 0.2) == pytest.approx(1 / (1 + math.exp(-1)))
    assert model.of(0.0, 0.0) == pytest.approx(1 / (1 + math.exp(1)))
    assert model.of(-50.0, 0.0) == pytest.approx(0.0)


def test_a_closer_match_is_never_less_likely():
    model = MatchProbability(0.3, 1.5, 0.0)
    values = [model.of(closeness, 0.1) for closeness in np.linspace(-1, 1, 21)]
    assert values == sorted(values)
    assert len(set(values)) == len(values)


def test_far_second_and_no_second_are_alike():
    model = MatchProbability(0.0, 1.0, 1.0)
    assert model.of(0.1, None) == model.of(0.1, 9.0) == model.of(0.1, LARGEST_MARGIN)
    assert model.of(0.1, 0.0) < model.of(0.1, None)


def test_a_second_person_farther_than_a_quarter_tells_no_more():
    model = MatchProbability(0.0, 1.0, 1.0)
    # 0.25 are 2.5 tenths.
    assert model.of(0.0, 0.3) == pytest.approx(1 / (1 + math.exp(-2.5)))
    assert model.of(0.0, 0.2) == pytest.approx(1 / (1 + math.exp(-2.0)))


@pytest.mark.parametrize("wrong", [(0.0, -1.0, 0.0), (0.0, 1.0, -0.1), (np.nan, 1, 1)])
def test_senseless_weights_are_refused(wrong):
    with pytest.raises(BadRecord):
        MatchProbability(*wrong)


def drawn(rng, count):
    closeness, margin = rng.uniform(-0.3, 0.3, count), rng.uniform(0, 0.3, count)
    logits = -0.5 + 20 * closeness + 8 * np.minimum(margin, LARGEST_MARGIN)
    return closeness, margin, rng.random(count) < 1 / (1 + np.exp(-logits))


def test_the_fit_finds_the_weights_that_drew_the_matches():
    rng = np.random.default_rng(0)
    model = fit_probability(*drawn(rng, 20_000), np.ones(20_000))
    assert model.offset == pytest.approx(-0.5, abs=0.15)
    assert model.closeness == pytest.approx(2.0, abs=0.1)
    assert model.margin == pytest.approx(0.8, abs=0.1)
    closeness, margin, right = drawn(rng, 20_000)
    values = np.array([model.of(c, m) for c, m in zip(closeness, margin, strict=True)])
    assert calibration_error(values, right, np.ones(20_000)) < 0.015


def test_weights_stand_for_so_many_probes():
    rng = np.random.default_rng(0)
    closeness, margin, right = drawn(rng, 2000)
    twice = fit_probability(closeness, margin, right, np.where(right, 2.0, 1.0))
    rows = np.r_[np.arange(2000), np.flatnonzero(right)]
    copied = fit_probability(
        closeness[rows], margin[rows], right[rows], np.ones(len(rows))
    )
    assert twice.offset == pytest.approx(copied.offset, abs=0.02)
    assert twice.closeness == pytest.approx(copied.closeness, abs=0.02)


def test_few_matches_are_fitted_with_hardly_any_ridge():
    # One of four is right at 0, three of four a tenth nearer: odds of 1/3 and 3.
    closeness = np.repeat([0.0, 0.1], 4)
    right = np.array([True, False, False, False, True, True, True, False])
    model = fit_probability(closeness, np.zeros(8), right, np.ones(8))
    assert model.offset == pytest.approx(math.log(1 / 3), abs=0.1)
    assert model.closeness == pytest.approx(math.log(9), abs=0.1)
    # Only the ratios of the weights matter.
    small = fit_probability(closeness, np.zeros(8), right, np.full(8, 1e-3))
    assert small.closeness == pytest.approx(model.closeness, abs=1e-6)


def test_a_margin_that_misleads_is_left_out():
    rng = np.random.default_rng(0)
    closeness, margin, right = drawn(rng, 4000)
    model = fit_probability(closeness, LARGEST_MARGIN - margin, right, np.ones(4000))
    assert model.margin == 0.0
    assert model.closeness > 1


def test_all_right_says_nothing():
    with pytest.raises(ValueError, match="right and wrong"):
        fit_probability(*np.ones((2, 5)), np.ones(5, bool), np.ones(5))
