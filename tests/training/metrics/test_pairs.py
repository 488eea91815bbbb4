"""Pairs, distances and weights, with answers by hand."""

import numpy as np
import pytest

from training.metrics.pairs import compare_at, compare_between, compare_within
from training.metrics.score_normalization import Cohort, EmbeddedFaces, distances


def faces(values, people, photos=None):
    embeddings = np.array(values, np.float32)[:, None]
    photos = range(len(people)) if photos is None else photos
    return EmbeddedFaces(
        embeddings, np.array(people, np.int32), np.array(photos, np.int32)
    )


def test_every_pair_of_photographs_is_compared_once():
    pairs = compare_within(faces([0, 1, 3, 10], [0, 0, 0, 1]))
    np.testing.assert_array_equal(pairs.genuine.distances, [1, 2, 3])
    np.testing.assert_array_equal(pairs.impostor.distances, [7, 9, 10])


def test_people_and_pairs_of_people_count_equally():
    # Person 0 has three photographs and three pairs, person 1 two and one pair.
    pairs = compare_within(faces([0, 1, 3, 10, 14], [0, 0, 0, 1, 1]))
    of_first = pairs.genuine.people[:, 0] == 0
    assert pairs.genuine.weights[of_first] == pytest.approx([1 / 3] * 3)
    assert pairs.genuine.weights[~of_first] == pytest.approx([1.0])
    assert pairs.impostor.weights == pytest.approx([1 / 6] * 6)


def test_a_rendered_copy_never_meets_its_original():
    plain = faces([0, 5, 9], [0, 0, 1], photos=[0, 1, 2])
    masked = faces([1, 6, 7], [0, 0, 1], photos=[0, 1, 2])
    pairs = compare_between(masked, plain)
    # 1-5 and 6-0; 1-0 and 6-5 are copies.
    np.testing.assert_array_equal(pairs.genuine.distances, [4, 6])
    np.testing.assert_array_equal(pairs.impostor.distances, [2, 3, 7, 8])
    # (masked 0, plain 1) and (masked 1, plain 0) are two pairs of people.
    assert pairs.impostor.cumulative[-1] == pytest.approx(2.0)


def test_faces_not_acquired_are_infinitely_far():
    pairs = compare_within(faces([0, np.nan, 2], [0, 0, 1]))
    np.testing.assert_array_equal(pairs.genuine.distances, [np.inf])
    np.testing.assert_array_equal(pairs.impostor.distances, [2, np.inf])
    assert pairs.impostor.accepted(np.array([1, 2, 1e30], np.float32)) == pytest.approx(
        [0, 0.5, 0.5]
    )


def test_a_face_with_any_number_missing_was_not_acquired():
    rows = np.array([[1, 2], [np.nan, 2], [np.inf, 2], [np.nan, np.nan]], np.float32)
    places = np.arange(4, dtype=np.int32)
    found = EmbeddedFaces(rows, places, places).acquired
    assert found.tolist() == [True, False, False, False]


def test_more_given_pairs_than_are_worked_on_at_once_are_all_compared(monkeypatch):
    monkeypatch.setattr("training.metrics.pairs._CHUNK", 4)
    some = faces(np.arange(10), np.arange(10))
    places = np.array([np.zeros(10), np.arange(10)], dtype=np.int64)
    found = compare_at(some, some, places, np.ones(10))
    assert found.distances.tolist() == list(range(10))


def test_groups_without_pairs_give_none():
    nobody = faces([], [])
    for pairs in (compare_within(nobody), compare_between(nobody, faces([1], [0]))):
        assert len(pairs.genuine.distances) == len(pairs.impostor.distances) == 0


def test_more_rows_than_a_block_give_the_same_pairs():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(700, 4)).astype(np.float32)
    people = rng.integers(0, 50, 700).astype(np.int32)
    pairs = compare_within(
        EmbeddedFaces(embeddings, people, np.arange(700, dtype=np.int32))
    )
    upper = np.triu_indices(700, 1)
    same = people[upper[0]] == people[upper[1]]
    distances = np.linalg.norm(embeddings[upper[0]] - embeddings[upper[1]], axis=1)
    np.testing.assert_allclose(
        pairs.genuine.distances, np.sort(distances[same]), rtol=1e-5
    )
    np.testing.assert_allclose(
        pairs.impostor.distances, np.sort(distances[~same]), rtol=1e-5
    )


def test_offsets_of_a_cohort_count_in_every_way_of_comparing():
    rng = np.random.default_rng(0)
    cohort = Cohort.of(rng.normal(size=(40, 4)), 1.0)
    embeddings = rng.normal(size=(9, 4)).astype(np.float32)
    people = np.arange(9, dtype=np.int32) // 3
    photos = np.arange(9, dtype=np.int32)
    plain = EmbeddedFaces(embeddings, people, photos)
    faces = EmbeddedFaces(embeddings, people, photos, cohort)
    expected = distances(embeddings, embeddings, cohort)
    assert np.abs(expected - distances(embeddings, embeddings, None)).max() > 0.1
    places = np.array(np.triu_indices(9, 1))
    found = compare_at(faces, faces, places, np.ones(len(places[0])))
    np.testing.assert_allclose(
        found.distances, np.sort(expected[places[0], places[1]]), rtol=1e-5
    )
    pairs = compare_within(faces)
    both = np.concatenate([pairs.genuine.distances, pairs.impostor.distances])
    np.testing.assert_allclose(np.sort(both), found.distances, rtol=1e-5)
    some = people < 2
    between = compare_between(faces[some], faces[~some]).impostor.distances
    np.testing.assert_allclose(
        between, np.sort(expected[some][:, ~some].ravel()), rtol=1e-5
    )
    assert EmbeddedFaces.joined([faces[some], faces[~some]]).cohort is cohort
    assert not plain.offsets.any()
