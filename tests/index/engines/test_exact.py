"""Exact search is exact, however the arithmetic is done."""

import numpy as np

from index.engines.exact import ExactSearch
from index.engines.neighbours import Neighbour, Templates


def templates_of(rows, person_ids, masked=None):
    matrix = np.array(rows, dtype=np.float32)
    kinds = np.zeros(len(rows), np.bool_) if masked is None else np.array(masked)
    return Templates("g", 1, np.array(person_ids, dtype=np.int64), kinds, matrix)


def test_distances_by_hand():
    search = ExactSearch(templates_of([[0, 0], [3, 4], [0, 1]], [7, 8, 9]))
    found = search.nearest(np.zeros(2, dtype=np.float32), 2)
    assert found == [Neighbour(7, 0.0), Neighbour(9, 1.0)]


def test_tie_goes_to_the_person_enrolled_earlier():
    search = ExactSearch(templates_of([[1, 0], [0, 1], [-1, 0]], [1, 2, 3]))
    found = search.nearest(np.zeros(2, dtype=np.float32), 9)
    assert [neighbour.person_id for neighbour in found] == [1, 2, 3]


def test_as_many_people_as_are_asked_for_where_each_has_two_templates():
    # Person i's templates lie at i and i + .1: the five nearest rows are of three.
    rows = [[i + j, 0] for i in range(8) for j in (0, 0.1)]
    search = ExactSearch(
        templates_of(rows, np.repeat(np.arange(8), 2), np.tile([False, True], 8))
    )
    found = search.nearest(np.zeros(2, dtype=np.float32), 5)
    assert [neighbour.person_id for neighbour in found] == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
    ]


def test_no_template():
    empty = ExactSearch(templates_of(np.empty((0, 2)), []))
    assert empty.nearest(np.zeros(2, dtype=np.float32), 3) == []


def test_far_from_the_origin_rounding_hides_nobody():
    # |x|^2 is 1e8 and differences are 1e-2: float32 products alone cannot tell.
    rng = np.random.default_rng(0)
    rows = (1e3 * np.ones(100) + 1e-2 * rng.normal(size=(400, 100))).astype(np.float32)
    templates = templates_of(rows, np.arange(400))
    search = ExactSearch(templates)
    plain = search._squares - 2 * (rows @ rows[7])
    assert np.argmin(plain) != 7, "the shortcut alone is right here: no test"
    for place in range(0, 400, 20):
        assert search.nearest(rows[place], 1) == [Neighbour(place, 0.0)]


def test_rows_of_many_queries():
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(50, 8)), rng.normal(size=(130, 8))
    search = ExactSearch(templates_of(rows, np.arange(50)))
    found, distances = search.nearest_rows(queries.astype(np.float32))
    away = np.linalg.norm(queries[:, None] - rows[None], axis=2)
    np.testing.assert_array_equal(found, away.argmin(axis=1))
    np.testing.assert_allclose(distances, away.min(axis=1), rtol=1e-5)
