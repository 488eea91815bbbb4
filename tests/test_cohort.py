"""How far best matches stand out, worked out by hand and on drawn people."""

import numpy as np
import pytest

from index.cohort import (
    COHORT,
    FAR,
    cohort_distance,
    cohort_distances,
    measure_relative,
    nearest_drawn,
)
from index.thresholds import measure


def test_the_cohort_is_the_ten_people_after_the_best():
    others = [3.0] * 5 + [4.0] * 5
    assert cohort_distance(others) == pytest.approx(12.5**0.5)
    assert cohort_distance([*others, 100.0]) == pytest.approx(12.5**0.5)
    assert cohort_distance(others[:-1]) is None
    rows = np.array([[1.0, *others]])
    np.testing.assert_allclose(cohort_distances(rows), [12.5**0.5])


def test_the_nearest_of_a_whole_gallery():
    distances = np.array([[3, np.inf, 1, 2]], dtype=np.float32)
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(nearest_drawn(distances, 4, 2, rng), [[1, 2]])
    np.testing.assert_allclose(
        nearest_drawn(distances, 4, 6, rng), [[1, 2, 3, FAR, FAR, FAR]]
    )


def test_galleries_are_drawn_for_each_row():
    distances = np.tile(np.arange(1, 101, dtype=np.float32), (2000, 1))
    nearest = nearest_drawn(distances, 20, 2, np.random.default_rng(0))
    assert nearest[:, 0].mean() == pytest.approx(5, rel=0.1)
    assert (nearest[:, 1] > nearest[:, 0]).all()


def photographs(rng, count, templates=200):
    """Distances of strangers whose photographs come near everybody or nobody."""
    middles = rng.normal(1.0, 0.15, (count, 1))
    return (middles * rng.normal(1, 0.05, (count, templates))).astype(np.float32)


def ratios(distances):
    ascending = np.sort(distances, axis=1)[:, : COHORT + 1].astype(np.float64)
    return ascending[:, 0] / cohort_distances(ascending)


@pytest.mark.parametrize("size", [50, 200])
def test_one_in_a_hundred_new_strangers_stands_out(size):
    rng = np.random.default_rng(1)
    table = measure_relative(photographs(rng, 3000), np.ones(3000), 0)
    assert table.measured_size == 200
    new = ratios(photographs(rng, 4000, size))
    assert 0.005 <= (new < table.threshold(size, 0.01)).mean() <= 0.02


def test_photographs_that_come_near_everybody_count_no_more_than_others():
    rng = np.random.default_rng(2)
    distances = photographs(rng, 3000)
    absolute = measure(distances, np.ones(3000)).threshold(200, 0.1)
    relative = measure_relative(distances, np.ones(3000), 0).threshold(200, 0.1)
    near = distances.mean(axis=1) < 0.85
    assert (distances.min(axis=1) < absolute)[near].mean() > 0.4
    assert 0.06 < (ratios(distances) < relative)[near].mean() < 0.14


def test_people_count_alike_however_many_photos_they_have():
    rng = np.random.default_rng(3)
    usual, odd = photographs(rng, 200), photographs(rng, 200)
    odd[:, 0] *= 0.5  # one person's photographs, all near the same other one
    weights = np.array([1.0] * 200 + [1 / 200] * 200)
    rows = np.concatenate([usual, odd])
    alone = measure_relative(usual, np.ones(200), 0).threshold(200, 0.05)
    assert measure_relative(rows, weights, 0).threshold(200, 0.05) == pytest.approx(
        alone, rel=0.02
    )
    assert measure_relative(rows, np.ones(400), 0).threshold(200, 0.05) < 0.9 * alone


def test_few_people_make_no_cohort():
    few = photographs(np.random.default_rng(4), 30, 49)
    assert measure_relative(few, np.ones(30), 0) is None
    assert measure_relative(few[:0], np.ones(0), 0) is None
