"""Thresholds by gallery size and rate, worked out by hand."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from index.calibration.thresholds import (
    FPIRS,
    Thresholds,
    accepted_from,
    as_single,
    extended,
    limits_for,
    measure,
    measured_spread,
    scores,
    shown,
    sizes_up_to,
)
from masking.errors import BadRecord
from training.metrics.score_normalization import Cohort, EmbeddedFaces

TABLE = Thresholds((1, 100), (0.01, 0.1), ((0.6, 0.7), (0.4, 0.5)), 100)


def test_a_table_is_read_between_its_sizes_and_rates():
    assert TABLE.threshold(1, 0.01) == pytest.approx(0.6)
    # 10 lies halfway from 1 to 100 in the logarithm, sqrt(1e-3) from 0.01 to 0.1.
    assert TABLE.threshold(10, 0.01) == pytest.approx(0.5)
    assert TABLE.threshold(10, 1e-3**0.5) == pytest.approx(0.55)


def test_a_table_goes_on_past_its_ends():
    assert TABLE.threshold(10_000, 0.01) == pytest.approx(0.2)
    assert TABLE.threshold(1, 0.001) == pytest.approx(0.5)
    # Squared distances beside a cohort may be negative: 0.6 - 0.1 * 9.
    assert TABLE.threshold(10**9, 0.01) == pytest.approx(-0.3)


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": (100, 1)},
        {"fpirs": (0.1, 0.01)},
        {"fpirs": (0.01, 1.0)},
        {"squares": ((0.6, 0.5), (0.4, 0.5))},
        {"squares": ((0.6, 0.7),)},
        {"squares": ((0.6, float("nan")), (0.4, 0.5))},
    ],
)
def test_a_table_without_order_is_refused(change):
    with pytest.raises(BadRecord):
        replace(TABLE, **change)


def test_there_is_no_threshold_for_nobody():
    with pytest.raises(ValueError, match="0 templates"):
        TABLE.threshold(0, 0.01)


def test_rates_of_smaller_galleries_are_the_mean_over_all_of_them():
    # 12 impostors, 7 templates; 5 of the 7 make 21 galleries.
    rng = np.random.default_rng(0)
    distances = rng.random((12, 7)).astype(np.float32)
    table = measure(distances, np.ones(12))
    size, fpir = table.sizes[-2], 0.4
    best = np.array(
        [
            distances[:, list(drawn)].min(axis=1)
            for drawn in combinations(range(7), size)
        ]
    )
    assert 1 < size < 7
    threshold = table.threshold(size, fpir)
    assert (best < threshold).mean() <= fpir < (best <= threshold).mean()


def test_impostors_own_templates_do_not_count():
    distances = np.array([[np.inf, 0.5, 0.6], [0.7, np.inf, 0.8]] * 20, np.float32)
    # All templates: half the impostors are 0.5 away from the nearest, half 0.7.
    table = measure(distances, np.ones(40))
    assert table.measured_size == 2
    assert table.threshold(2, 0.4) == pytest.approx(0.5)


def test_people_count_alike_however_many_photos_they_have():
    # 30 photos of one person at 0.1; 50 other people at 0.5 with one photo.
    distances = np.array([[0.1, 0.1]] * 30 + [[0.5, 0.5]] * 50, dtype=np.float32)
    weights = np.array([1 / 30] * 30 + [1.0] * 50)
    table = measure(distances, weights)
    # One person of 51 is below; as photos they would be 30 of 80.
    assert table.threshold(1, 0.2) == pytest.approx(0.5)
    assert measure(distances, np.ones(80)).threshold(1, 0.2) == pytest.approx(0.1)


def test_rates_below_which_fewer_than_four_people_lie_are_not_measured():
    distances = np.linspace(0.5, 1, 82, dtype=np.float32).reshape(41, 2)
    # A tenth of 41 people is 4.1, of 39 only 3.9.
    assert measure(distances, np.ones(41)).fpirs == (0.1, 0.2, 0.4)
    assert measure(distances[:39], np.ones(39)).fpirs == (0.2, 0.4)
    # 20 photos of one person and 21 others count as (1 + 21)**2 / 21.05 = 23 people.
    weights = np.array([1 / 20] * 20 + [1.0] * 21)
    assert measure(distances, weights).fpirs == (0.2, 0.4)


def test_rounding_does_not_cost_the_last_impostor():
    # Seven seventieths sum up to 0.10000000000000002 in floating point.
    distances = np.repeat(np.arange(1, 71, dtype=np.float32)[:, None], 2, axis=1)
    assert measure(distances, np.ones(70)).threshold(1, 0.1) == pytest.approx(8)


def test_the_impostor_with_the_fewest_templates_decides_the_largest_gallery():
    distances = np.array([[np.inf, 0.5, 0.6], [0.7, 0.8, 0.9]] * 20, np.float32)
    table = measure(distances, np.ones(40))
    assert (table.measured_size, table.sizes) == (2, (1, 2))


def test_impostors_differ_in_how_near_they_come():
    """Where the textbook's independence fails, the measured rate is right."""
    rng = np.random.default_rng(1)
    near = rng.normal(1.0, 0.15, (4000, 1))  # an impostor's usual distance

    def impostors(count):
        return (near[:count] + rng.normal(0, 0.05, (count, 100))).astype(np.float32)

    table = measure(impostors(2000), np.ones(2000))
    threshold = table.threshold(100, 0.01)
    new = near[2000:] + rng.normal(0, 0.05, (2000, 100))
    assert (new.min(axis=1) < threshold).mean() == pytest.approx(0.01, abs=0.006)
    independent = np.quantile(new, 1 - 0.99 ** (1 / 100))
    assert (new.min(axis=1) < independent).mean() < 0.004


def test_larger_galleries_are_stricter():
    distances = np.random.default_rng(0).normal(1, 0.1, (500, 300)).astype(np.float32)
    table = extended(measure(distances, np.ones(500)), None)
    limits = [table.threshold(n, 0.01) for n in (1, 10, 100, 300, 5000, 900_000)]
    assert limits == sorted(limits, reverse=True)
    assert len(set(limits)) == len(limits)
    assert table.fpirs == FPIRS
    # Four sizes a decade; 316 is too near to 300.
    larger = [size for size in table.sizes if size > 300]
    assert (larger[0], larger[-1]) == (562, 1_000_000)
    assert table.measured_size == 300


def test_without_a_reference_the_last_decade_goes_on():
    rates, row = (0.1, 0.4), (0.6, 0.7)
    falling = Thresholds((1, 10, 100), rates, ((0.9, 1.0), (0.8, 0.9), row), 100)
    # Of the last decade the mean fraction: the root of 0.6 / 0.8 * 0.7 / 0.9.
    fraction = (0.75 * 0.7 / 0.9) ** 0.5
    table = extended(falling, None)
    assert table.threshold(1000, 0.1) == pytest.approx(0.6 * fraction)
    assert table.threshold(1_000_000, 0.1) == pytest.approx(0.6 * fraction**4)
    # Thresholds never rise with the size.
    rising = Thresholds((1, 10), rates, ((0.5, 0.6), row), 10)
    assert extended(rising, None).threshold(1000, 0.1) == pytest.approx(0.6)


def test_without_a_reference_rarer_rates_go_on_along_the_line():
    table = extended(TABLE, None)
    # A tenth of the rate is .1 stricter, as from .1 to .01.
    assert table.threshold(100, 0.01) == pytest.approx(0.4)
    assert table.threshold(100, 0.001) == pytest.approx(0.3)
    # More frequent ones are the nearest that was measured.
    assert table.threshold(100, 0.4) == table.threshold(100, 0.1) == pytest.approx(0.5)


def test_what_is_below_nothing_stays_there():
    low = Thresholds((1, 10), (0.1, 0.4), ((0.2, 0.3), (-0.1, 0.15)), 10)
    assert extended(low, None).threshold(1000, 0.1) == pytest.approx(-0.1)
    # A reference moves it as far as itself moves: from 0.5 to 0.2.
    rows = ((0.8, 0.9), (0.5, 0.6), (0.2, 0.3))
    reference = Thresholds((1, 10, 1_000_000), (0.1, 0.4), rows, 1_000_000)
    table = extended(low, reference)
    assert table.threshold(1_000_000, 0.1) == pytest.approx(-0.4)
    # And by its fraction where there is one: 0.15 * 0.3 / 0.6.
    assert table.threshold(1_000_000, 0.4) == pytest.approx(0.075)


def test_curves_that_a_reference_makes_cross_are_held_in_order():
    rows = ((0.6, 1.0), (0.5, 0.9), (0.5, 0.5))
    reference = Thresholds((1, 10, 1_000_000), (0.1, 0.4), rows, 1_000_000)
    measured = Thresholds((1, 10), (0.1, 0.4), ((0.8, 0.9), (0.72, 0.81)), 10)
    table = extended(measured, reference)
    # 0.72 * 0.5 / 0.5, and 0.81 * 0.5 / 0.9 = 0.45, which is below it.
    assert table.threshold(1_000_000, 0.1) == pytest.approx(0.72)
    assert table.threshold(1_000_000, 0.4) == pytest.approx(0.72)


def test_what_was_not_measured_follows_the_reference():
    sizes = sizes_up_to(1_000_000)
    reference = Thresholds(
        sizes,
        FPIRS,
        tuple(tuple(2 * (f / n) ** 0.1 for f in FPIRS) for n in sizes),
        1_000_000,
    )
    measured = Thresholds((1, 10), (0.1, 0.4), ((0.8, 0.9), (0.72, 0.81)), 10)
    table = extended(measured, reference)
    assert table.threshold(10, 0.1) == pytest.approx(0.72)
    # Ten times the size and a tenth of the rate: 0.1^0.1 = 0.794 of it each.
    assert table.threshold(100, 0.1) == pytest.approx(0.572, abs=2e-3)
    assert table.threshold(10, 0.01) == pytest.approx(0.572, abs=2e-3)
    assert table.threshold(100, 0.01) == pytest.approx(0.454, abs=2e-3)


def test_too_little_to_measure():
    with pytest.raises(ValueError, match="two impostors"):
        measure(np.ones((1, 5), np.float32), np.ones(1))
    with pytest.raises(ValueError, match="two impostors"):
        measure(np.ones((5, 1), np.float32), np.ones(5))


def test_distances_grow_to_those_of_single_photos():
    squares = np.array([[0.09, 0.09, np.inf, -0.1]], dtype=np.float32)
    found = as_single(squares, np.array([1, 4, 2, 4]), spread=0.16)
    # 0.09 / (1 - 0.16 * 3/4) = 0.09 / 0.88; what is negative stays.
    np.testing.assert_allclose(found, [[0.09, 0.09 / 0.88, np.inf, -0.1]], rtol=1e-6)


def test_limit_is_the_reverse():
    single = float(as_single(np.array([0.4]), np.array([3]), 0.1)[0])
    # 0.4 / (1 - 0.1 * 2/3)
    assert single == pytest.approx(3 / 7)
    assert limits_for(single, 3, 0.1) == pytest.approx(0.4)
    np.testing.assert_allclose(limits_for(0.5, np.array([1, 2]), 0.1), [0.5, 0.475])
    assert limits_for(-0.5, 2, 0.1) == -0.5


def people(rng, count, photos, noise):
    owners = np.repeat(np.arange(count, dtype=np.int32), photos)
    middles = rng.normal(0, 0.2, (count, 12))[owners]
    rows = (middles + rng.normal(0, noise, middles.shape)).astype(np.float32)
    return EmbeddedFaces(rows, owners, np.arange(len(owners), dtype=np.int32))


def test_corrected_rates_of_impostors_are_alike_for_any_number_of_photos():
    rng = np.random.default_rng(0)
    known = people(rng, 200, 8, 0.15)
    spread = measured_spread(known, known)
    assert spread > 0.05
    impostors = rng.normal(0, 0.25, (3000, 12))
    rates, plain = [], []
    for photos in (1, 2, 8):
        rows = known.embeddings.reshape(200, 8, 12)[:, :photos].mean(axis=1)
        squares = ((impostors[:, None] - rows) ** 2).sum(axis=2)
        single = as_single(squares, np.full(200, photos), spread)
        rates.append((single < 0.49).mean())
        plain.append((squares < 0.49).mean())
    assert 0.003 < rates[0] < 0.03
    assert max(rates) < 1.3 * min(rates)
    assert max(plain) > 1.7 * min(plain)


def on_a_plane(firsts, seconds, seconds_photos=None):
    """Two photos of each person, at given places."""
    count = len(firsts)
    rows = np.concatenate([firsts, seconds]).astype(np.float32)
    owners = np.tile(np.arange(count, dtype=np.int32), 2)
    photos = np.arange(2 * count, dtype=np.int32)
    if seconds_photos is not None:
        photos[count:] = seconds_photos
    return EmbeddedFaces(rows, owners, photos)


# One impostor in the middle of the plane.
STRANGER = EmbeddedFaces(
    np.zeros((1, 2), np.float32), np.array([999], np.int32), np.array([999], np.int32)
)


def test_spread_is_that_of_a_hundredth_of_the_impostors():
    # Squared distances of the nearest two of 101 are 1.25 and 1.25, to their mean 1;
    # all others have two equal photos.
    firsts = np.full((101, 2), [3.0, 0.0])
    firsts[:2], seconds = [1.0, 0.5], firsts.copy()
    seconds[:2] = [1.0, -0.5]
    spread = measured_spread(STRANGER, on_a_plane(firsts, seconds))
    assert spread == pytest.approx(2 * (1 - 1 / 1.25))


@pytest.mark.parametrize(
    ("first", "second", "spread"),
    [
        # Squares of 1 and 2, and 1.25 to the mean: 2 * (1 - 1.25 / 1.5).
        ((1.0, 0.0), (1.0, 1.0), 1 / 3),
        # 1.01 each and 0.01: never more than 0.9.
        ((0.1, 1.0), (0.1, -1.0), 0.9),
    ],
)
def test_spread_by_hand(first, second, spread):
    known = on_a_plane(np.full((10, 2), first), np.full((10, 2), second))
    assert measured_spread(STRANGER, known) == pytest.approx(spread)


def test_spread_is_never_negative():
    # The nearest single photos are at 1, all means at 5.
    near, far = np.full((5, 2), [1.0, 0.0]), np.full((5, 2), [9.0, 0.0])
    known = on_a_plane(np.concatenate([near, far]), np.concatenate([far, near]))
    assert measured_spread(STRANGER, known) == 0.0


def test_two_masks_on_one_photo_are_one_photo():
    places = np.ones((10, 2))
    twice = on_a_plane(places, 2 * places, seconds_photos=np.arange(10))
    assert measured_spread(STRANGER, twice) is None
    assert measured_spread(STRANGER, on_a_plane(places, 2 * places)) is not None


def test_offsets_of_a_cohort_count_as_their_mean():
    rng = np.random.default_rng(0)
    cohort = Cohort.of(rng.normal(size=(30, 2)), 2.0)
    corners = np.array([[[2.0, 1.0]], [[2.0, -1.0]]])
    firsts, seconds = corners + rng.normal(0, 0.1, (2, 10, 2))
    known = replace(on_a_plane(firsts, seconds), cohort=cohort)
    probe = replace(STRANGER, cohort=cohort)
    own, others = probe.offsets[0], known.offsets.reshape(2, 10)
    rows = known.embeddings.reshape(2, 10, 2)
    both = (rows.mean(axis=0) ** 2).sum(axis=1) + own + others.mean(axis=0)
    single = (rows**2).sum(axis=2) + own + others
    assert single.min() > 0
    near = [np.quantile(squares, 0.01) for squares in (*single, both)]
    wanted = 2 * (1 - near[2] / ((near[0] + near[1]) / 2))
    assert 0 < wanted < 0.9
    assert measured_spread(probe, known) == pytest.approx(wanted, rel=1e-5)


def test_people_with_one_photo_tell_nothing():
    rng = np.random.default_rng(0)
    assert measured_spread(people(rng, 50, 1, 0.1), people(rng, 50, 1, 0.1)) is None
    assert measured_spread(people(rng, 50, 1, 0.1), people(rng, 9, 3, 0.1)) is None


def test_the_score_is_what_is_left_to_the_threshold_in_hundredths():
    found = scores(np.array([0.0, 0.25, 0.3, -0.1, np.inf], np.float32), 0.25, 1, 0.2)
    np.testing.assert_allclose(found, [25, 0, -5, 35, -np.inf], atol=1e-5)


def test_means_of_many_photos_have_their_own_threshold():
    found = scores(np.array([0.1, 0.1], np.float32), 0.2, np.array([1, 4]), 0.4)
    # 0.2 * (1 - 0.4 * 3/4) = 0.14
    np.testing.assert_allclose(found, [10, 4], rtol=1e-6)


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (12.34, "+12.3"),
        (0.0, "+0.0"),
        (-3.06, "-3.1"),
        (-0.04, "-0.04"),
        (0.04, "+0.0"),
    ],
)
def test_a_score_is_written_with_its_sign(score, text):
    assert shown(score) == text


def test_no_score_below_the_threshold_looks_accepted():
    assert shown(-0.0004) == "-0.0004"
    assert (accepted_from(0.0), accepted_from(5.0)) == ("0", "+5.0")
