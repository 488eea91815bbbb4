"""Annoy is set so that it misses practically nobody, on probes that are hard enough."""

import numpy as np
import pytest

from index import search_tuning
from index.annoy_search import AnnoySearch
from index.exact_search import ExactSearch
from index.neighbours import Neighbour
from index.search_tuning import probes_of, recall_of, tune_annoy
from index.templates import Templates

NO_MOVES = np.empty((0, 16), np.float32)


@pytest.fixture(scope="module")
def templates():
    matrix = np.random.default_rng(0).normal(size=(1500, 16)).astype(np.float32)
    return Templates("g", 1, np.arange(1, 1501), np.zeros(1500, np.bool_), matrix)


def test_least_search_that_finds_everybody_is_chosen(templates, monkeypatch):
    monkeypatch.setattr(search_tuning, "FIRST_SEARCH_K", 20)
    monkeypatch.setattr(search_tuning, "TREES", (8,))
    monkeypatch.setattr(search_tuning, "_HOPELESS", 1e9)
    tuning, index = tune_annoy(templates, NO_MOVES)
    assert (tuning.trees, tuning.probes) == (8, 1000)
    assert tuning.recall >= 0.999
    probes, moved_by = probes_of(templates, NO_MOVES, 1000, search_tuning.SEED)
    assert tuning.moved_by == moved_by == "1.00 spreads between people"
    truth = ExactSearch(templates).nearest_rows(probes)[1]
    half = AnnoySearch(templates, index, tuning.search_k // 2)
    assert 20 < tuning.search_k < 8 * 1500
    assert recall_of(half, probes, truth) < 0.999


def test_annoy_that_would_be_too_slow_is_given_up(templates, monkeypatch):
    monkeypatch.setattr(search_tuning, "FIRST_SEARCH_K", 1)
    monkeypatch.setattr(search_tuning, "_HOPELESS", 0.0)
    tuning, index = tune_annoy(templates, NO_MOVES)
    assert index is None
    assert tuning.recall < 0.98


def test_probes_are_moved_as_far_as_people_are_from_their_average(templates):
    probes, _ = probes_of(templates, NO_MOVES, 1500, seed=0)
    rows = np.random.default_rng(0).permutation(1500)
    moved = np.linalg.norm(probes - templates.matrix[rows], axis=1)
    matrix = templates.matrix
    spread = np.median(np.linalg.norm(matrix - matrix.mean(axis=0), axis=1))
    np.testing.assert_allclose(moved, spread, rtol=1e-3)


def test_masks_of_the_gallery_are_what_moves_bare_templates():
    rng = np.random.default_rng(0)
    both = np.repeat(np.arange(1, 101), 2)
    masked = np.tile([False, True], 100)
    matrix = rng.normal(size=(200, 16)).astype(np.float32)
    matrix[masked] += 100
    templates = Templates("g", 1, both, masked, matrix)
    moves = rng.normal(7, size=(60, 16)).astype(np.float32)
    probes, moved_by = probes_of(templates, moves, 100, seed=0)
    assert moved_by == "60 masks of this gallery"
    left = probes[:, None, :] - matrix[~masked][None] - moves[:, None, None]
    # Every probe is some bare template and one of the moves.
    nearest = np.abs(left).max(axis=3).min(axis=(0, 2))
    assert nearest.shape == (100,)
    assert (nearest < 1e-4).all()


def test_recall_counts_equally_near_people_as_found(templates):
    class Tied:
        def nearest(self, query, k):
            return [Neighbour(-1, ExactSearch(templates).nearest(query, 1)[0].distance)]

    probes, _ = probes_of(templates, NO_MOVES, 10, seed=0)
    truth = ExactSearch(templates).nearest_rows(probes)[1]
    assert recall_of(Tied(), probes, truth) == 1.0
    assert recall_of(Tied(), probes, truth * 0.9) == 0.0


def test_one_person_alone_can_be_searched_for():
    one = np.ones((1, 16), np.float32)
    alone = Templates("g", 1, np.array([1]), np.zeros(1, np.bool_), one)
    tuning, _ = tune_annoy(alone, NO_MOVES)
    assert tuning.recall == 1.0
