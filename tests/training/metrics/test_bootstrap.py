"""Intervals against a plain redraw of everything, and their coverage."""

import numpy as np
import pytest

from training.metrics.bootstrap import (
    RedrawnPairs,
    drawn_means,
    drawn_people,
    drawn_rates,
    drawn_tpirs,
    interval,
)
from training.metrics.identification import Search, tpir_at_fpir
from training.metrics.pairs import (
    Comparisons,
    ScoredPairs,
    compare_between,
    compare_within,
    sorted_comparisons,
)
from training.metrics.score_normalization import EmbeddedFaces
from training.metrics.verification import acceptance, auc, equal_error_rate, tar_at_far

FARS = (1e-3, 1e-2)


THRESHOLDS = (1.5, 2.5)


def faces(rng, lost=()):
    people = np.repeat(np.arange(60, dtype=np.int32), 5)
    centres = np.random.default_rng(9).normal(size=(60, 8))
    embeddings = centres[people] + rng.normal(scale=0.8, size=(300, 8))
    embeddings[list(lost)] = np.nan
    photos = np.arange(300, dtype=np.int32)
    return EmbeddedFaces(embeddings.astype(np.float32), people, photos)


@pytest.fixture
def pairs():
    return compare_within(faces(np.random.default_rng(1)))


def redrawn(part, times):
    weights = part.weights * times[part.people[:, 0]]
    if (part.people[:, 0] != part.people[:, 1]).any():
        weights = weights * times[part.people[:, 1]]
    return Comparisons(part.distances, weights, part.people, part.photos, part.possible)


def rates_as_redrawn(pairs, size, fars, thresholds):
    """The rates of 40 rounds, once they equal those of every pair weighted again."""
    rates = drawn_rates(pairs, fars, thresholds, 40, np.random.default_rng(5))
    people = drawn_people(np.arange(size), size, 40, np.random.default_rng(5))
    for number, times in enumerate(people):
        drawn = ScoredPairs(
            redrawn(pairs.genuine, times), redrawn(pairs.impostor, times)
        )
        tars = [tar_at_far(drawn, far) for far in fars]
        np.testing.assert_allclose(rates.tar[number], tars)
        accepted = [acceptance(drawn.impostor, threshold) for threshold in thresholds]
        np.testing.assert_allclose(rates.far_at[number], accepted)
        assert rates.auc[number] == pytest.approx(auc(drawn))
        assert rates.eer[number] == pytest.approx(equal_error_rate(drawn))
    return rates


@pytest.mark.parametrize("kind", ["within", "between"])
def test_the_fast_rounds_equal_redrawing_every_pair(kind):
    rng = np.random.default_rng(1)
    first, second = faces(rng), faces(rng, lost=[0, 1, 2, 3, 4, 17, 200])
    pairs = compare_within(second) if kind == "within" else None
    pairs = pairs or compare_between(first, second)
    rates = rates_as_redrawn(pairs, 60, FARS, THRESHOLDS)
    assert rates.tar.std(axis=0).min() > 0.005
    assert rates.far_at.std(axis=0).min() > 0.0001


def test_fast_rounds_treat_ties_and_close_people_as_redrawing_does():
    # Whole numbers, so that genuine pairs, impostors and thresholds tie. Person 0 is
    # near to everybody: rounds without them have few of the closest pairs left.
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(12, dtype=np.int32), 3)
    places = np.eye(12)[people] * 12
    places[:3] = 0
    places = places + rng.integers(-3, 4, (36, 1))
    photos = np.arange(36, dtype=np.int32)
    pairs = compare_within(EmbeddedFaces(places.astype(np.float32), people, photos))
    tied = np.intersect1d(pairs.genuine.distances, pairs.impostor.distances)
    assert len(np.unique(pairs.genuine.distances)) < len(pairs.genuine.distances)
    thresholds = (float(pairs.impostor.distances[30]), 25.0)
    rates = rates_as_redrawn(pairs, 12, (0.02, 0.1), thresholds)
    assert 0 < np.nanmin(rates.far_at[:, 1]) < 1
    assert len(tied)


def round_of(impostors, genuine, times, far):
    """TAR at a FAR of impostors at 1, 2, .. between pairs of people."""
    count = len(impostors)
    zeros = np.zeros((max(count, len(genuine)), 2), np.int32)
    pairs = ScoredPairs(
        sorted_comparisons(
            np.array([distance for _, distance in genuine], np.float32),
            np.ones(len(genuine)),
            np.array([(person, person) for person, _ in genuine], np.int32),
            zeros[: len(genuine)],
        ),
        sorted_comparisons(
            np.arange(1, count + 1, dtype=np.float32),
            np.ones(count),
            np.array(impostors, np.int32),
            zeros[:count],
        ),
    )
    every = RedrawnPairs.of(pairs, (far,), ())
    times = np.array(times)
    own = every.own_weights(times)
    return every.tar_and_far(times, own, np.array([far]), np.array([], np.float32))[
        0
    ].tolist()


def test_rounding_does_not_cost_the_last_impostor_of_a_round():
    # 0.29 * 100 is 28.999999999999996 in floating point: 29 may pass, the 30th not.
    genuine = [(0, 29.5), (0, 30.5)]
    assert round_of([(0, 1)] * 100, genuine, [1, 1], 0.29) == [0.5]


def test_a_round_without_the_closest_people_looks_at_all_impostors():
    # The closest 40 of 100 are kept for quick rounds: 39 of person 0, who is not
    # drawn. Of 1 + 60 * 2 a tenth may pass: those at 40 to 45, 1 + 5 * 2 together.
    impostors = [(0, 1)] * 39 + [(2, 3)] + [(1, 2)] * 60
    genuine = [(2, 45.5), (2, 46.5)]
    assert round_of(impostors, genuine, [0, 2, 1, 1], 0.1) == [0.5]


def test_the_interval_holds_the_figure(pairs):
    rates = drawn_rates(pairs, FARS, (), 100, np.random.default_rng(0))
    for far, draws in zip(FARS, rates.tar.T, strict=True):
        low, high = interval(draws)
        assert low < tar_at_far(pairs, far) < high
    low, high = interval(rates.auc)
    assert low < auc(pairs) < high


def test_the_same_seed_gives_the_same_draws(pairs):
    first, second = (
        drawn_rates(pairs, FARS, (), 20, np.random.default_rng(7)) for _ in range(2)
    )
    np.testing.assert_array_equal(first.tar, second.tar)


def test_draws_without_a_pair_have_no_rate():
    # Of two people, a draw of one twice has no impostors.
    people = np.array([0, 0, 1, 1], np.int32)
    values = np.array([[0], [1], [5], [6]], np.float32)
    pairs = compare_within(EmbeddedFaces(values, people, np.arange(4, dtype=np.int32)))
    rates = drawn_rates(pairs, FARS, (2.0,), 40, np.random.default_rng(0))
    alone = np.isnan(rates.tar[:, 0])
    assert 5 < alone.sum() < 35
    for draws in (rates.far_at[:, 0], rates.auc, rates.eer):
        np.testing.assert_array_equal(np.isnan(draws), alone)
    assert interval(rates.tar[:, 0]) == (1, 1)


def test_an_interval_leaves_a_fortieth_out_at_either_end():
    draws = np.append(
        np.random.default_rng(0).permutation(np.arange(1001.0)), [np.nan] * 9
    )
    assert interval(draws) == (25, 975)


def test_a_mean_weighs_people_by_their_values():
    # Three probes of person 0, one of person 1: 3/3, 3/4 or 0/1.
    people = np.array([0, 0, 0, 1], np.int32)
    draws = drawn_means(np.array([1.0, 1, 1, 0]), people, 50, np.random.default_rng(0))
    assert set(draws) == {0.0, 0.75, 1.0}


def test_an_interval_of_a_constant_has_no_width():
    values, people = np.ones(10), np.arange(10, dtype=np.int32)
    draws = drawn_means(values, people, 50, np.random.default_rng(0))
    assert interval(draws) == (1, 1)


def test_probes_of_one_person_move_together():
    # 100 probes of two people are two independent observations, not 100.
    values = np.repeat([0.0, 1.0], 50)
    people = np.repeat(np.array([0, 1], np.int32), 50)
    draws = drawn_means(values, people, 200, np.random.default_rng(0))
    assert interval(draws) == (0, 1)


def test_nothing_to_draw_gives_no_interval():
    nobody = np.empty(0, np.int32)
    draws = drawn_means(np.empty(0), nobody, 10, np.random.default_rng(0))
    assert np.isnan(interval(draws)).all()
    search = Search(0, np.empty(0), nobody, np.empty(0), nobody)
    draws = drawn_tpirs((search,), 0.01, 10, np.random.default_rng(0))
    assert np.isnan(interval(draws)).all()


def test_open_set_rounds_draw_probes_people():
    # Persons 0 and 2 are found, person 1 is not; person 3 is outside.
    own, people = np.array([0.1, 0.9, 0.1]), np.array([0, 1, 2], np.int32)
    search = Search(3, own, people, np.array([0.5]), np.array([3], np.int32))
    draws = drawn_tpirs((search,), 0.01, 100, np.random.default_rng(0))
    low, high = interval(draws)
    assert tpir_at_fpir((search,)) == pytest.approx(2 / 3)
    assert low < 2 / 3 < high
    # Without person 3 in a draw there is no threshold.
    assert 10 < np.isnan(draws).sum() < 60
