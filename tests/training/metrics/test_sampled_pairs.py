"""Samples of pairs against all pairs."""

import numpy as np
import pytest

from training.metrics.pairs import compare_between, compare_within
from training.metrics.sampled_pairs import PairBudget, between_budget, within_budget
from training.metrics.score_normalization import EmbeddedFaces


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
