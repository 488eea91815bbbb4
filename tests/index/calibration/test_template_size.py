"""Templates of several photos made comparable with single ones."""

from dataclasses import replace

import numpy as np
import pytest

from index.calibration.template_size import as_single, limits_for, measured_spread
from training.metrics.pairs import EmbeddedFaces
from training.metrics.score_normalization import Cohort


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
