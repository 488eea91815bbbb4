from types import SimpleNamespace

import numpy as np
import pytest

from index.evaluation.protocol import AllPairs
from index.evaluation.set_figures import (
    Chance,
    WorstPair,
    measure_ranks,
    measure_set,
    worst_pairs,
)
from training.metrics.pairs import (
    PairBudget,
    ScoredPairs,
    compare_within,
    sorted_comparisons,
)
from training.metrics.score_normalization import EmbeddedFaces

# Person 0 at 0, 1, 9; person 1 at 2, 20; person 2 at 30 and lost.
FACES = EmbeddedFaces(
    np.array([0, 1, 9, 2, 20, 30, np.nan], np.float32)[:, None],
    np.array([0, 0, 0, 1, 1, 2, 2], np.int32),
    np.arange(10, 17, dtype=np.int32),
)


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


def test_lost_is_the_fraction_of_genuine_pairs():
    # Both faces of one of ten people: a tenth of the genuine pairs, but 9 of the 45
    # pairs of two people.
    values = np.repeat(np.arange(10) * 10.0, 2)
    values[2:4] = np.nan
    assert measured(pairing_of(values)).figures.lost == pytest.approx(0.1)


def accuracy_of(genuine, impostor):
    """Pair accuracy where people 0 and 1 are one fold, 2 and 3 the other."""
    people = [np.array([(0, 0), (2, 2)]), np.array([(0, 1), (2, 3)])]
    pairs = ScoredPairs(
        *(
            sorted_comparisons(
                np.float32(distances), np.ones(2), of.astype(np.int32), of * 0
            )
            for distances, of in zip((genuine, impostor), people, strict=True)
        )
    )
    folds = SimpleNamespace(
        folds=lambda rng: np.array([0, 0, 1, 1]), first_decides=False
    )
    return measure_set(pairs, folds, (), Chance(0, 0), None).figures.pair_accuracy


def test_accuracy_of_two_folds_has_an_interval_within_0_and_1():
    # Fold 0 at 0.4 is all right, fold 1 at 0.2 half: 0.75, of a standard deviation of
    # sqrt(2 * 0.25**2) = 0.354 and so a standard error of 0.25.
    found = accuracy_of([0.2, 0.4], [0.7, 0.9])
    assert found.value == pytest.approx(0.75)
    assert (found.low, found.high) == (pytest.approx(0.75 - 1.96 * 0.25), 1.0)
    # Fold 0 at 0.4 is all wrong; at its own best it accepts nobody: 0 and 0.5.
    found = accuracy_of([0.5, 0.4], [0.3, 0.9])
    assert (found.value, found.low) == (pytest.approx(0.25), 0.0)
    assert found.high == pytest.approx(0.25 + 1.96 * 0.25)


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
    # Draws that miss persons 0 and 1 gain nothing.
    assert 0.2 < after.figures.rank1_gain.high < 0.7
    assert after.figures.cmc == (1,) * 20
    assert after.figures.tpir_gain.value == pytest.approx(1 - before.figures.tpir.value)
    assert (after.figures.open_gallery_people, after.figures.nonmated) == (5, 10)


def ranks_of(references, probes, before=None):
    """Figures of one reference and one probe of each person on a number line."""
    people = np.arange(len(probes), dtype=np.int32)
    found, known = (
        EmbeddedFaces(np.array(values, np.float32)[:, None], people, people + first)
        for values, first in ((probes, 100), (references, 0))
    )
    return measure_ranks(found, known, Chance(0, 50), before)


def test_second_places_are_no_first_ones():
    places = np.arange(10) * 10.0
    # Everybody looks like their neighbour and comes second.
    swapped = places[np.arange(10) ^ 1]
    figures = ranks_of(places, swapped + np.tile([-1, 1], 5)).figures
    assert figures.cmc[:2] == (0, 1)
    assert (figures.rank1.value, figures.rank1.low, figures.rank1.high) == (0, 0, 0)


def test_an_open_set_gains_over_its_own_rate_before():
    # Pairs of people 2 apart; the last person's probe is 4 off. Where a pair is divided
    # its nonmated comes within 1.1, so that 0.9 is found and 4 is not.
    references = np.array([0, 2, 100, 102, 200, 202, 300.0])
    near = references + np.array([0.9, -0.9] * 3 + [4])
    before = ranks_of(references, near)
    assert before.figures.rank1.value == 1
    assert before.figures.tpir.value == pytest.approx(6 / 7)
    after = ranks_of(references, references, before).figures
    assert after.tpir_gain.value == pytest.approx(1 / 7)
    # The larger half of seven people.
    assert after.open_gallery_people == 4


def test_two_people_are_shown_once():
    worst = worst_pairs(compare_within(FACES), 5)
    # 1-2 are closer than 0-2 and 9-2, pairs of the same people.
    assert worst.closest_impostors == (
        WorstPair(1.0, 11, 13),
        WorstPair(10.0, 14, 15),
        WorstPair(21.0, 12, 15),
    )
    # 30 and the lost face are no pair to look at.
    assert worst.farthest_genuine == (WorstPair(18.0, 13, 14), WorstPair(9.0, 10, 12))


def test_no_more_are_shown_than_asked_for():
    worst = worst_pairs(compare_within(FACES), 1)
    assert worst.closest_impostors == (WorstPair(1.0, 11, 13),)
    assert worst.farthest_genuine == (WorstPair(18.0, 13, 14),)
    nothing = worst_pairs(compare_within(FACES), 0)
    assert nothing.closest_impostors == nothing.farthest_genuine == ()
