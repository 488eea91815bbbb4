"""Held-out people as impostors and as people of a gallery, on a number line."""

import numpy as np
import pytest

from index.calibration.decision import MeanFaces, nearer_by, nearness
from index.calibration.impostors import Comparisons, best_matches, compare, name_gap
from index.calibration.thresholds import Thresholds
from tests.fakes.drawn_calibrations import flat_calibration, flat_thresholds
from training.metrics.score_normalization import Cohort, EmbeddedFaces


def faces(values, people, photos):
    rows = np.array(values, dtype=np.float32)[:, None]
    return EmbeddedFaces(rows, np.array(people, np.int32), np.array(photos, np.int32))


TEMPLATES = faces([0.0, 2.0, 10.0], people=[5, 5, 8], photos=[0, 1, 2])
OTHERS = MeanFaces(np.array([[4.0]], np.float32), np.array([3]), np.zeros(1))


def test_distances_to_everybody_else():
    probes = faces([1.0, 2.5, 9.0], people=[5, 5, 8], photos=[7, 1, 2])
    found = compare(probes, TEMPLATES, OTHERS, 0.0)
    # Columns: the other at 4, person 5 at 1, person 8 at 10.
    wanted = [[9, np.inf, 81], [2.25, np.inf, 56.25], [25, 64, np.inf]]
    np.testing.assert_allclose(found.squares, wanted)
    assert found.photos.tolist() == [3, 2, 1]
    np.testing.assert_allclose(found.weights, [0.5, 0.5, 1.0])


def test_own_template_leaves_the_probes_photo_out():
    probes = faces([1.5, 2.5, 9.0, 3.0], people=[5, 5, 8, 9], photos=[7, 1, 2, 9])
    found = compare(probes, TEMPLATES, OTHERS, 0.0)
    # Photo 7 is no template: the mean is 1. Photo 1 leaves photo 0. 8 and 9: none.
    np.testing.assert_allclose(found.own[:, 0], [0.25, 6.25, np.inf, np.inf])
    assert found.own_photos[:2, 0].tolist() == [2, 1]
    # As two names, photo 7 could have photo 0 at 0 and photo 1 at 2; the others none.
    np.testing.assert_allclose(found.own[0, 1:], [2.25, 0.25])
    assert np.isinf(found.own[1:, 2]).all()


def test_templates_of_many_photos_are_compared_as_if_of_one():
    probes = faces([1.0], people=[5], photos=[7])
    found = compare(probes, TEMPLATES, OTHERS, 0.6)
    # 3^2 / (1 - 0.6 * 2/3) for three photos, 9^2 for one.
    np.testing.assert_allclose(found.single(), [[15, np.inf, 81]], rtol=1e-6)


def test_best_matches_of_a_whole_gallery():
    probes = faces([1.5, 9.0], people=[5, 8], photos=[7, 2])
    compared = compare(probes, TEMPLATES, OTHERS, 0.0)
    found = best_matches(compared, probes.people, flat_thresholds(3.0), seed=0)
    # Impostors: squares of 2.5 with 8.5 next; of 5 with 8 next. Known: 0.5 with 2.5
    # next, as usual and with the look-alike, who is there anyway; as two names photo
    # 1 is 0.5 away and photo 0 is 1.5, and either name may be the right one.
    known, twice = 100 * (3 - 0.5**2), 100 * (3 - 1.5**2)
    others = [100 * (3 - away**2) for away in (2.5, 5.0)]
    seconds = [100 * (3 - away**2) for away in (8.5, 8.0)]
    np.testing.assert_allclose(found.first, [*others, known, known, known, known])
    np.testing.assert_allclose(
        found.second, [*seconds, others[0], others[0], twice, twice]
    )
    assert found.right.tolist() == [False, False, True, True, True, False]
    np.testing.assert_allclose(
        found.weights, [0.5, 0.5, 0.9, 0.05, 0.025, 0.025], rtol=1e-6
    )
    assert found.mated_people == 1


def test_somebody_else_may_be_nearer_than_the_own_person():
    probes = faces([3.9], people=[5], photos=[1])
    compared = compare(probes, TEMPLATES, OTHERS, 0.0)
    found = best_matches(compared, probes.people, flat_thresholds(3.0), seed=0)
    # Own photo 0 is 3.9 away, the other 0.1, person 8 is 6.1.
    np.testing.assert_allclose(found.first, [299, 299, 299], rtol=1e-5)
    np.testing.assert_allclose(found.second, [-3421, -1221, -1221], rtol=1e-5)
    assert not found.right.any()


def best_of(squares, own, thresholds=None):
    """Best matches of probes of people 0, 1, .. at given squared distances."""
    count = len(squares)
    own = np.pad(np.float32(own)[:, None], ((0, 0), (0, 2)), constant_values=np.inf)
    compared = Comparisons(
        np.float32(squares),
        np.ones(len(squares[0]), dtype=np.int64),
        own,
        np.ones(own.shape, dtype=np.int64),
        np.ones(count),
        0.0,
    )
    people = np.arange(count, dtype=np.int32)
    return best_matches(compared, people, thresholds or flat_thresholds(3.0), seed=0)


def test_a_look_alike_who_was_not_drawn_is_beside_some_people():
    # One of 2,000 at 2, the others at 4: drawn into the smallest gallery hardly ever.
    squares = np.full((1, 2000), 4.0)
    squares[0, 7] = 2.0
    found = best_of(squares, [1.0])
    # First impostors, then usual galleries, then those with the look-alike.
    assert found.first[:3].tolist() == [-100, 200, 200]
    assert found.second[:3].tolist() == [-100, -100, 100]


def test_somebody_as_near_as_the_own_person_is_a_wrong_match():
    found = best_of([[2.0, 5.0]], [2.0])
    assert found.right.tolist() == [False, False, False]
    assert found.first.tolist() == found.second[1:2].tolist() * 3
    assert found.second.tolist() == [-200, 100, 100]


def test_scores_are_measured_from_the_threshold_for_one_in_a_hundred():
    table = Thresholds((1, 10), (0.01, 0.1), ((3.0, 4.0), (3.0, 4.0)), 10)
    assert best_of([[2.0, 5.0]], [np.inf], table).first.tolist() == [100]


def test_without_a_second_person_there_is_no_second_score():
    assert best_of([[2.0]], [np.inf]).second.tolist() == [-np.inf]


def test_means_of_many_photos_score_by_their_own_threshold():
    probes = faces([2.0], people=[7], photos=[9])
    others = MeanFaces(
        np.array([[2.1], [2.2]], np.float32), np.array([5, 1]), np.zeros(2)
    )
    none = faces(np.zeros(0), [], [])
    compared = compare(probes, none, others, 0.5)
    found = best_matches(compared, probes.people, flat_thresholds(0.2), seed=0)
    # 0.2 * (1 - 0.5 * 4/5) = 0.12 for five photos: 12 - 1 against 20 - 4.
    np.testing.assert_allclose([found.first[0], found.second[0]], [16, 11], rtol=1e-4)


def test_the_gap_of_one_person_under_two_names():
    # 40 people with photos at 0 and at i / 100, probes at 0: 39 gaps of 0 to 0.1444.
    count = 40
    rows = np.stack([np.zeros(count), np.arange(count) / 100], axis=1).ravel()
    owners = np.repeat(np.arange(count), 2)
    probes = faces(np.zeros(count), np.arange(count), 100 + np.arange(count))
    templates = faces(rows, owners, np.arange(2 * count))
    none = MeanFaces(np.zeros((0, 1), np.float32), np.zeros(0, int), np.zeros(0))
    # 95% of 40 are the gaps up to that of person 37: 100 * 0.37^2.
    found = name_gap(compare(probes, templates, none, 0.0), flat_thresholds(1.0))
    assert found == pytest.approx(13.69, rel=1e-4)
    few = probes[probes.people < 19]
    assert name_gap(compare(few, templates, none, 0.0), flat_thresholds(1.0)) is None


def test_smaller_galleries_are_drawn_from_the_templates():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(200, 1)).astype(np.float32)
    others = MeanFaces(matrix, np.ones(200, dtype=np.int64), np.zeros(200))
    probes = faces(rng.normal(size=60), np.arange(60) // 2, np.arange(60))
    compared = compare(probes, probes, others, 0.0)
    found = best_matches(compared, probes.people, flat_thresholds(1.0), seed=0)
    # 60 impostors; 60 known in a usual gallery and beside a look-alike; no third photo.
    sizes = len(found.right) / 180
    assert sizes > 3
    assert found.sizes[:180].tolist() == [found.sizes[0]] * 180
    assert found.sizes[-1] == 230 > found.sizes[0] >= 10
    assert found.weights.sum() == pytest.approx(1.95 * round(sizes), rel=0.01)
    small, large = found.first[:60].mean(), found.first[-180:-120].mean()
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
    more = MeanFaces.of(
        EmbeddedFaces(looks, people[:2], people[:2], cohort), np.zeros(2, np.int64), 1
    )
    found = compare(probes, templates, more, 0.0)

    def away(look, used):
        squares = ((look - used.mean(axis=0)) ** 2).sum()
        squares += cohort.offsets(look[None])[0] + cohort.offsets(used).mean()
        return squares

    means = [looks, rows[:3], rows[3:5], rows[5:]]
    wanted = np.array([[away(look, used) for used in means] for look in looks])
    wanted[0, 1] = wanted[1, 3] = np.inf
    np.testing.assert_allclose(found.squares, wanted, rtol=1e-5)
    rests = rows[[0, 2]], rows[[6]]
    own = [away(look, used) for look, used in zip(looks, rests, strict=True)]
    np.testing.assert_allclose(found.own[:, 0], own, rtol=1e-5)


def on_a_line(step, people=12):
    """People a step apart, a photo each."""
    numbers = list(range(people))
    return faces([step * n for n in numbers], people=numbers, photos=numbers)


def test_people_nearer_to_each_other_than_impostors_make_thresholds_stricter():
    # Of 12 people a fraction of 16 / (12 * 11) = .12 of the pairs is looked at: the
    # nearest 11 of 66 are a step apart, .01 squared. Impostors come to .25; .0125 of
    # that is chance.
    found = nearer_by(on_a_line(0.1), flat_thresholds(0.25), 0.0)
    assert found == pytest.approx(0.25 - 0.01 - 0.0125 * 0.25)


def test_people_as_far_apart_as_impostors_change_nothing():
    # A step of .5 is .25 squared, one of .499 nearer by less than chance.
    for step in (0.5, 0.499, 2.0):
        assert nearer_by(on_a_line(step), flat_thresholds(0.25), 0.0) == 0


def test_masked_references_count_as_near_as_unmasked_faces_are():
    calibration = flat_calibration(0.25)
    crowded, apart = on_a_line(0.1), on_a_line(0.5)
    step = 0.25 - 0.01 - 0.0125 * 0.25
    near = nearness(calibration, {"unmasked": apart, "masked": crowded})
    assert near == {"unmasked": 0, "masked": 0}
    near = nearness(calibration, {"unmasked": crowded, "masked": apart})
    assert near == {"unmasked": pytest.approx(step), "masked": 0}
    # Of people with masked photos only these tell it.
    few = on_a_line(0.5, people=9)
    near = nearness(calibration, {"unmasked": few, "masked": crowded})
    assert near == {"unmasked": 0, "masked": pytest.approx(step)}


def test_nine_people_tell_nothing_of_others():
    assert nearer_by(on_a_line(0.1, people=9), flat_thresholds(0.25), 0.0) == 0
    assert nearer_by(on_a_line(0.1, people=10), flat_thresholds(0.25), 0.0) > 0


def test_one_person_under_two_names_changes_nothing():
    line = on_a_line(2.0)
    line.embeddings[1] = line.embeddings[0]
    assert nearer_by(line, flat_thresholds(0.25), 0.0) == 0


def test_templates_of_people_are_means_and_compared_as_if_of_one_photo():
    # Two photos a person, .1 to the left and right: photos lie .9 and 1.1 from the
    # means of the next, .81 / (1 - .4 / 2) squared as if these were of one photo.
    numbers = [n for n in range(12) for _ in range(2)]
    places = [n + side for n in range(12) for side in (-0.1, 0.1)]
    pairs = faces(places, people=numbers, photos=list(range(24)))
    found = nearer_by(pairs, flat_thresholds(2.0), 0.4)
    # Of 24 * 11 comparisons 22 are that near, and .12 of them are 32: the 33rd is 1.1.
    assert found == pytest.approx(2 - 1.21 / 0.8 - 0.025, abs=1e-6)
