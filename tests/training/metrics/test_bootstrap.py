"""Intervals against a plain redraw of everything, and their coverage."""

import numpy as np
import pytest

from training.metrics.bootstrap import (
    drawn_means,
    drawn_people,
    drawn_rates,
    drawn_tpirs,
    interval,
)
from training.metrics.open_set import Search, tpir_at_fpir
from training.metrics.pairs import (
    Comparisons,
    EmbeddedFaces,
    ScoredPairs,
    compare_between,
    compare_within,
)
from training.metrics.verification import (
    acceptance,
    auc,
    equal_error_rate,
    tar_at_far,
)

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


@pytest.mark.parametrize("kind", ["within", "between"])
def test_the_fast_rounds_equal_redrawing_every_pair(kind):
    rng = np.random.default_rng(1)
    first, second = faces(rng), faces(rng, lost=[0, 1, 2, 3, 4, 17, 200])
    pairs = compare_within(second) if kind == "within" else None
    pairs = pairs or compare_between(first, second)
    rates = drawn_rates(pairs, FARS, THRESHOLDS, 40, np.random.default_rng(5))
    people = drawn_people(np.arange(60), 60, 40, np.random.default_rng(5))
    for number, times in enumerate(people):
        drawn = ScoredPairs(
            redrawn(pairs.genuine, times), redrawn(pairs.impostor, times)
        )
        tars = [tar_at_far(drawn, far) for far in FARS]
        np.testing.assert_allclose(rates.tar[number], tars)
        fars = [acceptance(drawn.impostor, threshold) for threshold in THRESHOLDS]
        np.testing.assert_allclose(rates.far_at[number], fars)
        assert rates.auc[number] == pytest.approx(auc(drawn))
        assert rates.eer[number] == pytest.approx(equal_error_rate(drawn))
    assert rates.tar.std(axis=0).min() > 0.005
    assert rates.far_at.std(axis=0).min() > 0.0001


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
