"""Pairs, distances and weights, with answers by hand."""

import numpy as np
import pytest

from training.metrics.pairs import (
    PairBudget,
    between_budget,
    compare_at,
    compare_between,
    compare_within,
    within_budget,
)
from training.metrics.score_normalization import Cohort, EmbeddedFaces, distances


def faces_at(values, people, photos=None):
    embeddings = np.array(values, np.float32)[:, None]
    photos = range(len(people)) if photos is None else photos
    return EmbeddedFaces(
        embeddings, np.array(people, np.int32), np.array(photos, np.int32)
    )


def test_every_pair_of_photographs_is_compared_once():
    pairs = compare_within(faces_at([0, 1, 3, 10], [0, 0, 0, 1]))
    np.testing.assert_array_equal(pairs.genuine.distances, [1, 2, 3])
    np.testing.assert_array_equal(pairs.impostor.distances, [7, 9, 10])


def test_people_and_pairs_of_people_count_equally():
    # Person 0 has three photographs and three pairs, person 1 two and one pair.
    pairs = compare_within(faces_at([0, 1, 3, 10, 14], [0, 0, 0, 1, 1]))
    of_first = pairs.genuine.people[:, 0] == 0
    assert pairs.genuine.weights[of_first] == pytest.approx([1 / 3] * 3)
    assert pairs.genuine.weights[~of_first] == pytest.approx([1.0])
    assert pairs.impostor.weights == pytest.approx([1 / 6] * 6)


def test_a_rendered_copy_never_meets_its_original():
    plain = faces_at([0, 5, 9], [0, 0, 1], photos=[0, 1, 2])
    masked = faces_at([1, 6, 7], [0, 0, 1], photos=[0, 1, 2])
    pairs = compare_between(masked, plain)
    # 1-5 and 6-0; 1-0 and 6-5 are copies.
    np.testing.assert_array_equal(pairs.genuine.distances, [4, 6])
    np.testing.assert_array_equal(pairs.impostor.distances, [2, 3, 7, 8])
    # (masked 0, plain 1) and (masked 1, plain 0) are two pairs of people.
    assert pairs.impostor.cumulative[-1] == pytest.approx(2.0)


def test_faces_not_acquired_are_infinitely_far():
    pairs = compare_within(faces_at([0, np.nan, 2], [0, 0, 1]))
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
    some = faces_at(np.arange(10), np.arange(10))
    places = np.array([np.zeros(10), np.arange(10)], dtype=np.int64)
    found = compare_at(some, some, places, np.ones(10))
    assert found.distances.tolist() == list(range(10))


def test_groups_without_pairs_give_none():
    nobody = faces_at([], [])
    for pairs in (compare_within(nobody), compare_between(nobody, faces_at([1], [0]))):
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


@pytest.fixture
def faces():
    """400 faces of 40 people; the first person has half of them."""
    rng = np.random.default_rng(0)
    people = np.r_[np.zeros(200), np.arange(200) % 40].astype(np.int32)
    centres = rng.normal(size=(40, 4))
    embeddings = centres[people] + rng.normal(scale=0.7, size=(400, 4))
    embeddings[:20] = np.nan
    photos = np.arange(400, dtype=np.int32)
    return EmbeddedFaces(embeddings.astype(np.float32), people, photos)


def halves(faces):
    first = np.arange(400) % 2 == 0
    return faces[first], faces[~first]


def distance(faces, pair):
    first, second = faces.embeddings[pair]
    return np.linalg.norm(first - second)


def test_what_the_budget_allows_is_compared_completely(faces):
    pairs = within_budget(faces, PairBudget(400 * 399 // 2, seed=0))
    everything = compare_within(faces)
    np.testing.assert_array_equal(
        pairs.impostor.distances, everything.impostor.distances
    )
    assert pairs.impostor.possible == len(pairs.impostor.distances)


@pytest.mark.parametrize("group", ["within", "between"])
def test_a_sample_keeps_to_the_budget_and_says_of_how_many(faces, group):
    budget = PairBudget(10_000, seed=0)
    if group == "within":
        pairs, everything = within_budget(faces, budget), compare_within(faces)
    else:
        one, other = halves(faces)
        pairs = between_budget(one, other, budget)
        everything = compare_between(one, other)
    assert pairs.genuine.possible == len(everything.genuine.distances)
    assert pairs.impostor.possible == len(everything.impostor.distances)
    made = len(pairs.genuine.distances) + len(pairs.impostor.distances)
    assert made == budget.pairs < everything.impostor.possible


def test_every_drawn_pair_is_what_it_says(faces):
    pairs = within_budget(faces, PairBudget(3_000, seed=1))
    for part, same in ((pairs.genuine, True), (pairs.impostor, False)):
        assert (np.diff(part.distances[np.isfinite(part.distances)]) >= 0).all()
        assert (part.photos[:, 0] != part.photos[:, 1]).all()
        np.testing.assert_array_equal(faces.people[part.photos], part.people)
        assert ((part.people[:, 0] == part.people[:, 1]) == same).all()
        finite = np.isfinite(part.distances)
        # Some faces are lost, all of one person.
        assert 0 < (~finite).sum() < 0.3 * len(finite)
        for pair, found in list(zip(part.photos, part.distances, strict=True))[:50]:
            assert distance(faces, pair) == pytest.approx(found, rel=1e-5)


def test_a_sample_estimates_the_rates_of_all_pairs(faces):
    probes, references = halves(faces)
    everything = compare_between(probes, references)
    pairs = between_budget(probes, references, PairBudget(30_000, seed=2))
    thresholds = np.array([1, 2, 3, 5], np.float32)
    for part, full in (
        (pairs.impostor, everything.impostor),
        (pairs.genuine, everything.genuine),
    ):
        expected = full.accepted(thresholds)
        assert expected[0] < 0.5 < expected[-1]
        # Three standard errors of 25,000 draws are below 0.01.
        np.testing.assert_allclose(part.accepted(thresholds), expected, atol=0.012)


def test_one_large_person_does_not_use_up_the_budget(faces):
    pairs = within_budget(faces, PairBudget(2_000, seed=0))
    per_person = np.bincount(pairs.genuine.people[:, 0])
    # 1,000 genuine pairs for 40 people: 25 each, although the first has 21,000.
    assert per_person[0] == 25
    assert (per_person[1:] == 5 * 4 // 2).all()
    of_first = pairs.genuine.people[:, 0] == 0
    assert pairs.genuine.weights[of_first].sum() == pytest.approx(1)


def test_a_small_budget_leaves_sixteen_genuine_pairs_a_person_and_half_for_impostors(
    faces,
):
    # 200 genuine pairs for 40 people would be 5 each.
    pairs = within_budget(faces, PairBudget(400, seed=0))
    per_person = np.bincount(pairs.genuine.people[:, 0])
    # Everybody has more pairs than that; of the 16 draws some are a photo with itself.
    assert 10 < per_person[0] <= 16
    assert (per_person[1:] > 5).all() and (per_person <= 16).all()
    assert len(pairs.genuine.distances) > 200
    assert len(pairs.impostor.distances) == 200


def test_rendered_copies_are_not_among_the_possible_genuine_pairs(faces):
    rendered = faces[np.ones(400, dtype=bool)]
    pairs = between_budget(rendered, faces, PairBudget(10_000, seed=0))
    # One person has 205 photos, 39 have 5: all pairs but each photo with its copy.
    assert pairs.genuine.possible == 205**2 + 39 * 5**2 - 400
    assert (pairs.genuine.photos[:, 0] != pairs.genuine.photos[:, 1]).all()


def test_genuine_pairs_that_fit_into_half_of_the_budget_are_all_compared():
    # 20 photos of one person, one of each of 80 others: 190 genuine pairs of 4,950.
    people = np.r_[np.zeros(20), np.arange(1, 81)].astype(np.int32)
    embeddings = np.arange(100, dtype=np.float32)[:, None]
    photos = np.arange(100, dtype=np.int32)
    few = EmbeddedFaces(embeddings, people, photos)
    pairs = within_budget(few, PairBudget(1_000, seed=0))
    # Photos 0 to 19 are as far apart as their numbers: 20 - d pairs at distance d.
    counts = np.bincount(pairs.genuine.distances.astype(int))
    assert counts.tolist() == [0, *range(19, 0, -1)]
    assert len(pairs.impostor.distances) == 1_000 - 190


def test_impostors_are_two_people_where_probes_and_references_differ_in_theirs():
    people = np.arange(100, dtype=np.int32)
    embeddings = np.zeros((100, 2), np.float32)
    references = EmbeddedFaces(embeddings, people, people)
    # The first of the probes is of another person than the first of the references.
    probes = EmbeddedFaces(embeddings, people + 50, people + 1_000)
    pairs = between_budget(probes, references, PairBudget(4_000, seed=0))
    assert len(pairs.impostor.distances) == 4_000 - 50
    assert (pairs.impostor.people[:, 0] != pairs.impostor.people[:, 1]).all()
    assert np.unique(pairs.impostor.people[:, 0] - pairs.impostor.people[:, 1]).size > 9


def test_the_seed_decides_the_sample(faces):
    first, again, other = (
        within_budget(faces, PairBudget(2_000, seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.impostor.photos, again.impostor.photos)
    assert (first.impostor.photos != other.impostor.photos).any()


def test_one_person_alone_has_no_impostors(faces):
    pairs = within_budget(faces[faces.people == 0], PairBudget(500, seed=0))
    assert len(pairs.impostor.distances) == 0
    assert len(pairs.genuine.distances) > 200
