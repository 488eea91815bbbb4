"""Annoy looks at as many nodes as the size needs, and misstates no distance."""

import numpy as np
import pytest

from index.engines.annoy_index import (
    TREES,
    AnnoySearch,
    build_trees,
    load_trees,
    search_k_of,
)
from index.engines.neighbours import ExactSearch, Templates
from index.search.verify import measure_search, probes_of, recall_of


@pytest.fixture(scope="module")
def templates():
    matrix = np.random.default_rng(0).normal(size=(2000, 16)).astype(np.float32)
    return Templates("g", 1, np.arange(1, 2001), np.zeros(2000, np.bool_), matrix)


@pytest.fixture(scope="module")
def trees(templates):
    return build_trees(templates)


def test_seven_eighths_of_two_trees_are_looked_at():
    assert [search_k_of(rows) for rows in (1, 100, 10_000)] == [2, 175, 17_500]


def test_people_who_differ_in_as_many_directions_as_faces_are_found():
    # Unit vectors in 256 directions, as far apart as the shipped embedder's people.
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(4000, 256)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    people = Templates("g", 1, np.arange(4000), np.zeros(4000, np.bool_), matrix)
    # Nobody of the gallery: the nearest is as hard to find as any.
    probes = (rng.normal(size=(100, 256)) / 16).astype(np.float32)
    truth = ExactSearch(people).nearest_rows(probes)[1]
    grown = build_trees(people)
    whole = AnnoySearch(people, grown, search_k_of(4000))
    assert recall_of(whole, probes, truth) >= 0.99
    # What was enough for 128 numbers misses some.
    assert recall_of(AnnoySearch(people, grown, 2400), probes, truth) < 0.95


def test_trees_of_the_same_templates_are_the_same(templates, tmp_path):
    files = [tmp_path / "one", tmp_path / "two"]
    for file in files:
        build_trees(templates).save(str(file))
    one, two = (file.read_bytes() for file in files)
    assert one == two


def test_recall_shows_a_search_that_is_too_short(templates, trees):
    figures = measure_search(templates, trees, 16, 200, seed=0)
    assert (figures.templates, figures.probes, figures.recall) == (2000, 200, 1.0)
    assert trees.get_n_trees() == TREES
    probes = probes_of(templates.matrix, 16, 200, seed=0)
    truth = ExactSearch(templates).nearest_rows(probes)[1]
    short = AnnoySearch(templates, trees, 1)
    # As many nodes as the list is long are looked at anyway: some are found.
    assert 0.02 < recall_of(short, probes, truth) < 0.9
    for probe, distance in zip(probes, truth, strict=True):
        (found,) = short.nearest(probe, 1)
        row = templates.matrix[found.person_id - 1]
        assert found.distance == pytest.approx(np.linalg.norm(row - probe), rel=1e-5)
        assert found.distance > distance * (1 - 1e-5)


def test_recall_counts_equally_near_people_as_found(templates):
    exact = ExactSearch(templates)
    probes = probes_of(templates.matrix, 16, 10, seed=0)
    truth = exact.nearest_rows(probes)[1]
    assert recall_of(exact, probes, truth) == 1.0
    assert recall_of(exact, probes, truth * 0.9) == 0.0


def test_probes_are_moved_as_far_as_people_are_from_their_average(templates):
    # With an offset behind the vector, which a probe has not.
    matrix = np.concatenate([templates.matrix, np.ones((2000, 1), np.float32)], axis=1)
    probes = probes_of(matrix, 16, 2000, seed=0)
    assert (probes[:, 16] == 0).all()
    rows = np.random.default_rng(0).permutation(2000)
    moved = np.linalg.norm(probes[:, :16] - templates.matrix[rows], axis=1)
    away = templates.matrix - templates.matrix.mean(axis=0)
    spread = np.median(np.linalg.norm(away, axis=1))
    np.testing.assert_allclose(moved, spread, rtol=1e-3)


def test_one_person_alone_can_be_searched_for():
    one = np.ones((1, 16), np.float32)
    alone = Templates("g", 1, np.array([1]), np.zeros(1, np.bool_), one)
    assert measure_search(alone, build_trees(alone), 16, 5, seed=0).recall == 1.0


def test_annoy_prints_nothing_when_a_newer_index_took_its_file_away(tmp_path, capfd):
    with pytest.raises(FileNotFoundError):
        load_trees(tmp_path / "gone.ann", 16)
    assert capfd.readouterr() == ("", "")
