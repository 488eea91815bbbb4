"""Figures of a set, with answers by hand."""

import numpy as np
import pytest

from index.evaluation.pairings import AllPairs
from index.evaluation.rank_figures import measure_ranks
from index.evaluation.set_figures import Chance, measure_set
from training.metrics.pairs import EmbeddedFaces
from training.metrics.sampled_pairs import PairBudget


def pairing_of(values):
    """Two faces of each of ten people."""
    people = np.repeat(np.arange(10, dtype=np.int32), 2)
    faces = EmbeddedFaces(
        np.array(values, np.float32)[:, None], people, np.arange(20, dtype=np.int32)
    )
    return AllPairs(faces, faces, PairBudget(1000, seed=0))


@pytest.fixture
def good():
    """Person p at 10 p and 10 p + 1."""
    return pairing_of(np.repeat(np.arange(10) * 10.0, 2) + np.tile([0, 1], 10))


@pytest.fixture
def bad():
    """The same, but the second face of person 0 is at 45, that of 1 is lost."""
    values = np.repeat(np.arange(10) * 10.0, 2) + np.tile([0, 1], 10)
    values[1], values[3] = 45, np.nan
    return pairing_of(values)


def measured(pairing, rounds=50, baseline=None, plain=(2.0, 2.0, 2.0)):
    pairs = pairing.within(np.ones(20, bool))
    return measure_set(pairs, pairing, plain, Chance(3, rounds), baseline)


def test_all_figures_of_a_perfect_set(good):
    figures = measured(good).figures
    assert (figures.genuine_pairs, figures.impostor_pairs) == (10, 180)
    assert figures.genuine_people == 10
    assert [rate.value for rate in figures.tar] == [1, 1, 1]
    assert (figures.tar[0].low, figures.tar[0].high) == (1, 1)
    assert (figures.auc.value, figures.eer.value, figures.lost) == (1, 0, 0)
    assert figures.pair_accuracy.value == figures.pair_accuracy.high == 1
    # The closest impostors, 9 apart, may not be accepted.
    assert 8 < figures.thresholds[2] < 9
    assert [rate.value for rate in figures.far_at_plain] == [0, 0, 0]
    assert figures.tar_at_plain == (1, 1, 1)
    assert figures.finest_far == pytest.approx(1 / 180)


def test_rates_finer_than_the_pairs_are_not_drawn(good):
    curve = np.array(measured(good).figures.curve_tar)
    # 101 steps from 1e-5 to 1: 1 / 180 lies between the 55th and the 56th.
    assert np.isnan(curve[:55]).all()
    assert (curve[55:] == 1).all()


def test_a_gain_is_measured_draw_by_draw(good, bad):
    before = measured(bad)
    after = measured(good, baseline=before).figures
    assert before.figures.gain == ()
    assert before.figures.tar[1].value == pytest.approx(0.8)
    assert before.figures.lost == pytest.approx(0.1)
    gain = after.gain[1]
    assert gain.value == pytest.approx(0.2)
    # Draws that miss persons 0 and 1 gain nothing, none loses anything.
    assert gain.low == pytest.approx(0, abs=1e-9)
    assert 0.2 < gain.high < 0.7


def test_without_rounds_there_are_no_intervals(good, bad):
    before = measured(bad, rounds=0)
    after = measured(good, rounds=0, baseline=before).figures
    for rate in (after.tar[0], after.auc, after.gain[0], after.far_at_plain[0]):
        assert np.isfinite(rate.value)
        assert np.isnan([rate.low, rate.high]).all()


def test_ranks_gain_over_the_first_embedder(good, bad):
    first = np.arange(20) % 2 == 0
    chance = Chance(0, 50)
    before = measure_ranks(bad.faces[~first], bad.faces[first], chance, None)
    after = measure_ranks(good.faces[~first], good.faces[first], chance, before)
    assert before.figures.rank1.value == pytest.approx(0.8)
    assert before.figures.rank1_gain is None
    assert after.figures.rank1.value == after.figures.tpir.value == 1
    assert after.figures.rank1_gain.value == pytest.approx(0.2)
    assert after.figures.rank1_gain.low >= 0
    assert after.figures.tpir_gain.value == pytest.approx(1 - before.figures.tpir.value)
    assert (after.figures.open_gallery_people, after.figures.nonmated) == (5, 10)
