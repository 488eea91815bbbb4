"""Held-out people as strangers and as people of a gallery, on a number line."""

import numpy as np
import pytest
from drawn_calibrations import flat_thresholds

from index.stranger_distances import OtherTemplates, best_matches, stranger_distances
from index.thresholds import Thresholds
from training.comparisons import EmbeddedFaces


def faces(values, people, photos):
    rows = np.array(values, dtype=np.float32)[:, None]
    return EmbeddedFaces(rows, np.array(people, np.int32), np.array(photos, np.int32))


TEMPLATES = faces([0.0, 2.0, 10.0], people=[5, 5, 8], photos=[0, 1, 2])
OTHERS = OtherTemplates(np.array([[4.0]], dtype=np.float32), np.array([3]))


def test_distances_to_everybody_else():
    probes = faces([1.0, 2.5, 9.0], people=[5, 5, 8], photos=[7, 1, 2])
    found = stranger_distances(probes, TEMPLATES, OTHERS, 0.0)
    # Columns: the other at 4, person 5 at 1, person 8 at 10.
    wanted = [[3, np.inf, 9], [1.5, np.inf, 7.5], [5, 8, np.inf]]
    np.testing.assert_allclose(found.values, wanted)
    np.testing.assert_allclose(found.weights, [0.5, 0.5, 1.0])


def test_own_template_leaves_the_probes_photo_out():
    probes = faces([1.5, 2.5, 9.0, 3.0], people=[5, 5, 8, 9], photos=[7, 1, 2, 9])
    found = stranger_distances(probes, TEMPLATES, OTHERS, 0.0)
    # Photo 7 is no template: the mean is 1. Photo 1 leaves photo 0. 8 and 9: none.
    np.testing.assert_allclose(found.own, [0.5, 2.5, np.inf, np.inf])


def test_templates_of_many_photos_are_compared_as_if_of_one():
    probes = faces([1.0], people=[5], photos=[7])
    found = stranger_distances(probes, TEMPLATES, OTHERS, 0.6)
    # 3^2 / (1 - 0.6 * 2/3) for three photos, 9 for one; the own one has two.
    np.testing.assert_allclose(found.values, [[15**0.5, np.inf, 9]], rtol=1e-6)
    apart = stranger_distances(faces([2.0], [5], [7]), TEMPLATES, OTHERS, 0.6)
    np.testing.assert_allclose(apart.own, [(1 / 0.7) ** 0.5], rtol=1e-6)


def test_best_matches_of_a_whole_gallery():
    probes = faces([1.5, 9.0], people=[5, 8], photos=[7, 2])
    distances = stranger_distances(probes, TEMPLATES, OTHERS, 0.0)
    found = best_matches(distances, probes.people, flat_thresholds(3.0), seed=0)
    # Strangers: 2.5 with 8.5 next; 5 with 8 next. Known: 0.5 with 2.5 next.
    np.testing.assert_allclose(found.closeness, [0.5, -2.0, 2.5], atol=1e-6)
    np.testing.assert_allclose(found.margin, [6.0, 3.0, 2.0], atol=1e-6)
    assert found.right.tolist() == [False, False, True]
    np.testing.assert_allclose(found.weights, [0.5, 0.5, 1.0])
    assert found.mated_people == 1


def test_somebody_else_may_be_nearer_than_the_own_person():
    probes = faces([3.9], people=[5], photos=[1])
    distances = stranger_distances(probes, TEMPLATES, OTHERS, 0.0)
    found = best_matches(distances, probes.people, flat_thresholds(3.0), seed=0)
    # Own photo 0 is 3.9 away, the other 0.1.
    np.testing.assert_allclose(found.closeness, [2.9, 2.9], atol=1e-6)
    np.testing.assert_allclose(found.margin, [6.0, 3.8], atol=1e-6)
    assert not found.right.any()


def test_smaller_galleries_are_drawn_from_the_templates():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(200, 1)).astype(np.float32)
    others = OtherTemplates(matrix, np.ones(200, dtype=np.int64))
    probes = faces(rng.normal(size=60), np.arange(60) // 2, np.arange(60))
    distances = stranger_distances(probes, probes, others, 0.0)
    found = best_matches(distances, probes.people, flat_thresholds(1.0), seed=0)
    sizes = len(found.right) / 120
    assert sizes > 3
    assert found.weights.sum() == pytest.approx(2 * round(sizes), rel=0.01)
    small, large = found.closeness[:60].mean(), found.closeness[-120:-60].mean()
    assert small < large  # the nearest of ten is farther than that of 230


def test_best_matches_as_shares_of_the_cohorts_distance():
    # The own photo is 1 away, ten others are 2 away, and far ones say nothing.
    others = OtherTemplates(
        np.array([[2.0]] * 10 + [[50.0]] * 10, np.float32), np.ones(20, dtype=np.int64)
    )
    own = faces([1.0, 60.0], people=[5, 8], photos=[0, 1])
    distances = stranger_distances(faces([0.0], [5], [7]), own, others, 0.0)
    found = best_matches(
        distances,
        np.array([5]),
        Thresholds((16, 22), (0.01, 0.1), ((0.9,) * 2,) * 2, 22),
        0,
        relative=True,
    )
    known = found.right
    np.testing.assert_allclose(found.closeness[known], 0.9 - 0.5, atol=1e-6)
    np.testing.assert_allclose(found.margin[known], 0.5, atol=1e-6)
    # As a stranger: the best is 2 away, and so are nine others, then 50.
    rest = np.sqrt((9 * 4 + 2500) / 10)
    np.testing.assert_allclose(found.closeness[~known], 0.9 - 2 / rest, atol=1e-6)
