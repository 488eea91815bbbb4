"""Searches of normalised templates find who is nearest beside a cohort."""

from __future__ import annotations

import numpy as np
import pytest

from index.engines.neighbours import (
    ExactSearch,
    Neighbour,
    Templates,
    normalised,
    normalised_dimension,
    normalised_neighbours,
    normalised_query,
    vectors_and_offsets,
    with_offsets,
)
from training.metrics.score_normalization import (
    Cohort,
    offset_squares,
    squared_distances,
)

rng = np.random.default_rng(0)
COHORT = Cohort.of(rng.normal(size=(60, 8)), 6.0)
PHOTOS = rng.normal(size=(40, 3, 8)).astype(np.float32)


def templates(cohort):
    """The means of three photos each."""
    means = np.mean([with_offsets(rows, cohort) for rows in PHOTOS], axis=1)
    ids = np.arange(40, dtype=np.int64)
    matrix = normalised(means.astype(np.float32), cohort)
    return Templates("g", 1, ids, np.zeros(40, dtype=bool), matrix)


def expected(queries, cohort):
    """Squared distance to the mean, and the probe's and the photos' mean offset."""
    offsets = [np.zeros(len(queries)), np.zeros(40)]
    if cohort:
        of_photos = [cohort.offsets(rows).mean() for rows in PHOTOS]
        offsets = [cohort.offsets(queries), np.array(of_photos)]
    return offset_squares(queries, PHOTOS.mean(axis=1), *offsets)


@pytest.mark.parametrize("cohort", [None, COHORT])
def test_everybody_is_found_at_their_distance_to_the_probe(cohort):
    search = ExactSearch(templates(cohort))
    queries = rng.normal(size=(20, 8)).astype(np.float32)
    for query, away in zip(queries, expected(queries, cohort), strict=True):
        found = search.nearest(normalised_query(query, cohort), 40)
        found = normalised_neighbours(found, query, cohort)
        assert [one.person_id for one in found] == list(np.argsort(away))
        squares = [one.square for one in found]
        np.testing.assert_allclose(squares, np.sort(away), rtol=1e-4, atol=1e-4)
        # The plain distance does not know of the cohort.
        means = PHOTOS.mean(axis=1)[[one.person_id for one in found]]
        plain = [one.distance for one in found]
        np.testing.assert_allclose(
            plain, np.linalg.norm(means - query, axis=1), rtol=1e-5
        )


def test_less_than_nothing_is_left_in_a_lonely_place():
    rows, ids = (
        np.array([[0.3, 0.0], [0.0, 0.4]], np.float32),
        np.arange(2, dtype=np.int64),
    )
    query = np.zeros(2, np.float32)
    # All of the cohort at (2, 2), a square of 8 from the query: usual in one, 4 more
    # than usual in the other.
    for usual, sign in ((8.0, 1), (4.0, -1)):
        cohort = Cohort.of(np.full((20, 2), 2, np.float32), usual)
        matrix = normalised(with_offsets(rows, cohort), cohort)
        search = ExactSearch(Templates("g", 1, ids, np.zeros(2, dtype=bool), matrix))
        found = search.nearest(normalised_query(query, cohort), 2)
        found = normalised_neighbours(found, query, cohort)
        squares = {one.person_id: one.square for one in found}
        # 1.7^2 + 2^2 = 6.89 and 2^2 + 1.6^2 = 6.56 from the cohort.
        # Below the mean score all of the difference counts; else half of it.
        offsets = [
            sum(max((usual - a) / 2, usual - a) for a in (8, away))
            for away in (6.89, 6.56)
        ]
        wanted = {0: 0.09 + offsets[0], 1: 0.16 + offsets[1]}
        assert squares == pytest.approx(wanted, abs=2e-5)
        assert {np.sign(square) for square in wanted.values()} == {sign}
        distances = {one.person_id: one.distance for one in found}
        assert distances == pytest.approx({0: 0.3, 1: 0.4}, abs=1e-6)


def test_a_cohort_changes_who_is_nearest():
    queries = rng.normal(size=(200, 8)).astype(np.float32)
    plain, fair = (expected(queries, cohort) for cohort in (None, COHORT))
    assert (plain.argmin(axis=1) != fair.argmin(axis=1)).mean() > 0.05


def test_the_number_of_photos_does_not_bring_a_template_nearer_or_farther():
    photo = PHOTOS[0, :1]
    for count in (1, 5):
        rows = with_offsets(np.repeat(photo, count, axis=0), COHORT)
        _, offsets = vectors_and_offsets(
            normalised(rows.mean(axis=0, keepdims=True), COHORT), COHORT
        )
        assert offsets[0] == pytest.approx(COHORT.offsets(photo)[0], abs=1e-4)


@pytest.mark.parametrize("cohort", [None, COHORT])
def test_what_was_lifted_can_be_taken_apart_again(cohort):
    matrix = templates(cohort).matrix
    assert matrix.shape[1] == normalised_dimension(8, cohort)
    vectors, offsets = vectors_and_offsets(matrix, cohort)
    np.testing.assert_allclose(vectors, PHOTOS.mean(axis=1), rtol=1e-5)
    queries = rng.normal(size=(5, 8)).astype(np.float32)
    own = cohort.offsets(queries) if cohort else np.zeros(5)
    found = offset_squares(queries, vectors, own, offsets)
    np.testing.assert_allclose(found, expected(queries, cohort), rtol=1e-4, atol=1e-4)


def test_the_loneliest_template_keeps_a_real_coordinate():
    far = with_offsets(np.full((1, 8), -50, np.float32), COHORT)
    assert np.isfinite(normalised(far, COHORT)).all()


def test_of_one_photo_the_distance_is_that_between_two_faces():
    query, photo = PHOTOS[1, :1], PHOTOS[2, :1]
    row = normalised(with_offsets(photo, COHORT), COHORT)
    one = Templates("g", 1, np.arange(1), np.zeros(1, bool), row)
    found = ExactSearch(one).nearest(normalised_query(query[0], COHORT), 1)
    (nearest,) = normalised_neighbours(found, query[0], COHORT)
    expected = squared_distances(query, photo, COHORT)[0, 0]
    assert nearest.square == pytest.approx(expected, rel=1e-4)


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
