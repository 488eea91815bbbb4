"""Intervals against a plain redraw of everything, and their coverage."""

import numpy as np
import pytest

from index.bootstrap import drawn_people, mean_interval, tar_intervals
from training.comparisons import (
    Comparisons,
    EmbeddedFaces,
    ScoredPairs,
    compare_within,
)
from training.verification_metrics import tar_at_far

FARS = (1e-3, 1e-2)


@pytest.fixture
def pairs():
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(60, dtype=np.int32), 5)
    centres = rng.normal(size=(60, 8))
    embeddings = centres[people] + rng.normal(scale=0.8, size=(300, 8))
    return compare_within(
        EmbeddedFaces(
            embeddings.astype(np.float32), people, np.arange(300, dtype=np.int32)
        )
    )


def redrawn(part, times):
    weights = part.weights * times[part.people[:, 0]]
    if (part.people[:, 0] != part.people[:, 1]).any():
        weights = weights * times[part.people[:, 1]]
    return Comparisons(part.distances, weights, part.people)


def test_the_fast_rounds_equal_redrawing_every_pair(pairs):
    tars = []
    for times in drawn_people(np.arange(60), 60, 40, np.random.default_rng(5)):
        drawn = ScoredPairs(
            redrawn(pairs.genuine, times), redrawn(pairs.impostor, times)
        )
        tars.append([tar_at_far(drawn, far) for far in FARS])
    expected = np.percentile(tars, (2.5, 97.5), axis=0).T
    found = tar_intervals(pairs, FARS, 40, np.random.default_rng(5))
    np.testing.assert_allclose(found, expected)
    assert (found[:, 0] < found[:, 1]).all()


def test_the_interval_holds_the_figure(pairs):
    found = tar_intervals(pairs, FARS, 100, np.random.default_rng(0))
    for far, (low, high) in zip(FARS, found, strict=True):
        assert low < tar_at_far(pairs, far) < high


def test_the_same_seed_gives_the_same_interval(pairs):
    first, second = (
        tar_intervals(pairs, FARS, 20, np.random.default_rng(7)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_an_interval_of_a_constant_has_no_width():
    values, people = np.ones(10), np.arange(10, dtype=np.int32)
    found = mean_interval(values, people, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(found, [1, 1])


def test_probes_of_one_person_move_together():
    # 100 probes of two people are two independent observations, not 100.
    values = np.repeat([0.0, 1.0], 50)
    people = np.repeat(np.array([0, 1], np.int32), 50)
    low, high = mean_interval(values, people, 200, np.random.default_rng(0))
    assert (low, high) == (0, 1)


def test_nothing_to_draw_gives_no_interval():
    nobody = np.empty(0, np.int32)
    found = mean_interval(np.empty(0), nobody, 10, np.random.default_rng(0))
    assert np.isnan(found).all()
