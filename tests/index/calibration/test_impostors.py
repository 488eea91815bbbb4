"""Held-out people as impostors and as people of a gallery, on a number line."""

import numpy as np
import pytest

from index.calibration.impostors import (
    ImpostorDistances,
    MeanFaces,
    best_matches,
    impostor_distances,
)
from index.calibration.thresholds import Thresholds
from tests.fakes.drawn_calibrations import flat_thresholds
from training.metrics.pairs import EmbeddedFaces
from training.metrics.score_normalization import Cohort


def faces(values, people, photos):
    rows = np.array(values, dtype=np.float32)[:, None]
    return EmbeddedFaces(rows, np.array(people, np.int32), np.array(photos, np.int32))


TEMPLATES = faces([0.0, 2.0, 10.0], people=[5, 5, 8], photos=[0, 1, 2])
OTHERS = MeanFaces(np.float32([[4.0]]), np.array([3]), np.zeros(1))


def test_distances_to_everybody_else():
    probes = faces([1.0, 2.5, 9.0], people=[5, 5, 8], photos=[7, 1, 2])
    found = impostor_distances(probes, TEMPLATES, OTHERS, 0.0)
    # Columns: the other at 4, person 5 at 1, person 8 at 10.
    wanted = [[3, np.inf, 9], [1.5, np.inf, 7.5], [5, 8, np.inf]]
    np.testing.assert_allclose(found.values, wanted)
    np.testing.assert_allclose(found.weights, [0.5, 0.5, 1.0])


def test_own_template_leaves_the_probes_photo_out():
    probes = faces([1.5, 2.5, 9.0, 3.0], people=[5, 5, 8, 9], photos=[7, 1, 2, 9])
    found = impostor_distances(probes, TEMPLATES, OTHERS, 0.0)
    # Photo 7 is no template: the mean is 1. Photo 1 leaves photo 0. 8 and 9: none.
    np.testing.assert_allclose(found.own, [0.5, 2.5, np.inf, np.inf])


def test_templates_of_many_photos_are_compared_as_if_of_one():
    probes = faces([1.0], people=[5], photos=[7])
    found = impostor_distances(probes, TEMPLATES, OTHERS, 0.6)
    # 3^2 / (1 - 0.6 * 2/3) for three photos, 9 for one; the own one has two.
    np.testing.assert_allclose(found.values, [[15**0.5, np.inf, 9]], rtol=1e-6)
    apart = impostor_distances(faces([2.0], [5], [7]), TEMPLATES, OTHERS, 0.6)
    np.testing.assert_allclose(apart.own, [(1 / 0.7) ** 0.5], rtol=1e-6)


def test_best_matches_of_a_whole_gallery():
    probes = faces([1.5, 9.0], people=[5, 8], photos=[7, 2])
    distances = impostor_distances(probes, TEMPLATES, OTHERS, 0.0)
    found = best_matches(distances, probes.people, flat_thresholds(3.0), seed=0)
    # Impostors: 2.5 with 8.5 next; 5 with 8 next. Known: 0.5 with 2.5 next.
    np.testing.assert_allclose(found.closeness, [0.5, -2.0, 2.5], atol=1e-6)
    np.testing.assert_allclose(found.margin, [6.0, 3.0, 2.0], atol=1e-6)
    assert found.right.tolist() == [False, False, True]
    np.testing.assert_allclose(found.weights, [0.5, 0.5, 1.0])
    assert found.mated_people == 1


def test_somebody_else_may_be_nearer_than_the_own_person():
    probes = faces([3.9], people=[5], photos=[1])
    distances = impostor_distances(probes, TEMPLATES, OTHERS, 0.0)
    found = best_matches(distances, probes.people, flat_thresholds(3.0), seed=0)
    # Own photo 0 is 3.9 away, the other 0.1.
    np.testing.assert_allclose(found.closeness, [2.9, 2.9], atol=1e-6)
    np.testing.assert_allclose(found.margin, [6.0, 3.8], atol=1e-6)
    assert not found.right.any()


def best_of(values, own, thresholds=None):
    """Best matches of probes of people 0, 1, .. at given distances."""
    count = len(values)
    distances = ImpostorDistances(np.float32(values), np.float32(own), np.ones(count))
    people = np.arange(count, dtype=np.int32)
    return best_matches(distances, people, thresholds or flat_thresholds(3.0), seed=0)


def test_somebody_as_near_as_the_own_person_is_a_wrong_match():
    found = best_of([[2.0, 5.0]], [2.0])
    assert found.right.tolist() == [False, False]
    assert found.margin.tolist() == [3.0, 0.0]


def test_closeness_is_measured_from_the_threshold_for_one_in_a_hundred():
    table = Thresholds((1, 10), (0.01, 0.1), ((3.0, 4.0), (3.0, 4.0)), 10)
    assert best_of([[2.0, 5.0]], [np.inf], table).closeness.tolist() == [1.0]


def test_smaller_galleries_are_drawn_from_the_templates():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(200, 1)).astype(np.float32)
    others = MeanFaces(matrix, np.ones(200, dtype=np.int64), np.zeros(200))
    probes = faces(rng.normal(size=60), np.arange(60) // 2, np.arange(60))
    distances = impostor_distances(probes, probes, others, 0.0)
    found = best_matches(distances, probes.people, flat_thresholds(1.0), seed=0)
    sizes = len(found.right) / 120
    assert sizes > 3
    assert found.weights.sum() == pytest.approx(2 * round(sizes), rel=0.01)
    small, large = found.closeness[:60].mean(), found.closeness[-120:-60].mean()
    assert small < large  # the nearest of ten is farther than that of 230


def test_offsets_of_a_cohort_count_as_the_mean_of_the_photos():
    rng = np.random.default_rng(0)
    cohort = Cohort.of(rng.normal(size=(30, 3)), 2.0)
    rows = rng.normal(size=(7, 3)).astype(np.float32)
    people = np.array([0, 0, 0, 1, 1, 2, 2], np.int32)
    templates = EmbeddedFaces(rows, people, np.arange(7, dtype=np.int32), cohort)
    looks = rng.normal(size=(2, 3)).astype(np.float32)
    rendered_on = np.array([1, 5], np.int32)
    probes = EmbeddedFaces(looks, people[rendered_on], rendered_on, cohort)
    more = MeanFaces.of(EmbeddedFaces(looks, people[:2], people[:2], cohort), [0, 0], 1)
    found = impostor_distances(probes, templates, more, 0.0)

    def away(look, used):
        squares = ((look - used.mean(axis=0)) ** 2).sum()
        squares += cohort.offsets(look[None])[0] + cohort.offsets(used).mean()
        return max(squares, 0) ** 0.5

    means = [looks, rows[:3], rows[3:5], rows[5:]]
    wanted = np.array([[away(look, used) for used in means] for look in looks])
    wanted[0, 1] = wanted[1, 3] = np.inf
    np.testing.assert_allclose(found.values, wanted, rtol=1e-5)
    rests = rows[[0, 2]], rows[[6]]
    own = [away(look, used) for look, used in zip(looks, rests, strict=True)]
    np.testing.assert_allclose(found.own, own, rtol=1e-5)
