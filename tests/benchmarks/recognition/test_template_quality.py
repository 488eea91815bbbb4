"""Errors against rejects, worked out by hand on photos on a line."""

import numpy as np
import pytest

from benchmarks.recognition.template_quality import (
    REJECTED,
    area,
    curves,
    errors_against_rejects,
    ideal,
    table,
)
from training.metrics.pairs import compare_within
from training.metrics.score_normalization import EmbeddedFaces

# Ten people of two photos at their number; the second photo of person 0 is off by 5.
PLACES = np.repeat(np.arange(10.0) * 100, 2)
PLACES[1] += 5


def genuine():
    people = np.repeat(np.arange(10, dtype=np.int32), 2)
    order = np.arange(20, dtype=np.int32)
    rows = PLACES.astype(np.float32)[:, None]
    return compare_within(EmbeddedFaces(rows, people, order)).genuine


def test_a_pair_counts_until_one_of_its_photos_is_left_out():
    # One of ten pairs is missed. At 5% one of 20 photos is left out.
    good = np.ones(20)
    good[1] = 0
    found = errors_against_rejects(genuine(), 1.0, good)
    assert found[0] == pytest.approx(0.1)
    # 2% of 20 are .4 photos: the first goes.
    assert found[1:].tolist() == [0] * (len(REJECTED) - 1)


def test_a_figure_that_misleads_leaves_the_error_in():
    # The last photos go first: after 6 of 20, three of ten pairs are gone.
    found = errors_against_rejects(genuine(), 1.0, -np.arange(20.0))
    assert found[0] == pytest.approx(0.1)
    assert found[REJECTED.index(0.3)] == pytest.approx(1 / 7)


def test_a_face_that_was_not_found_is_left_out_first():
    values = np.zeros(20)
    values[1] = np.nan
    assert errors_against_rejects(genuine(), 1.0, values)[1] == 0


def test_ideal_knows_which_photos_are_in_missed_pairs():
    # Both of the pair: either may be the bad one.
    assert ideal(genuine(), 1.0, 20).tolist() == [-1, -1] + [0] * 18


def test_area_is_the_mean_of_the_curve():
    assert area(np.full(len(REJECTED), 0.2)) == pytest.approx(0.2)
    # From 1 at 0% to 0 at 30% on a straight line.
    assert area(1 - np.array(REJECTED) / 0.3) == pytest.approx(0.5)


def test_the_table_ends_with_ideal_and_random():
    lines = table(curves(genuine(), 1.0, {"size": -np.arange(20.0)})).splitlines()
    assert [line.split()[0] for line in lines] == ["FNMR,", "size", "ideal", "random"]
    assert lines[-1].split()[1:] == ["0.100"] * len(REJECTED) + ["0.1000"]
