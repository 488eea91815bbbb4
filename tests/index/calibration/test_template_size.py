"""Templates of several photos made comparable with single ones."""

import numpy as np
import pytest

from index.calibration.template_size import (
    as_single,
    limit_for,
    measured_spread,
    single_distance,
)
from training.metrics.pairs import EmbeddedFaces


def test_distances_grow_to_those_of_single_photos():
    distances = np.array([[0.3, 0.3, np.inf]], dtype=np.float32)
    found = as_single(distances, np.array([1, 4, 2]), spread=0.16)
    # 0.09 / (1 - 0.16 * 3/4) = 0.09 / 0.88
    np.testing.assert_allclose(found, [[0.3, (0.09 / 0.88) ** 0.5, np.inf]], rtol=1e-6)


def test_limit_is_the_reverse():
    single = single_distance(0.4, 3, 0.1)
    assert single == pytest.approx(as_single(np.array([0.4]), np.array([3]), 0.1)[0])
    assert limit_for(single, 3, 0.1) == pytest.approx(0.4)
    assert limit_for(0.5, 1, 0.1) == 0.5


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
        distances = np.linalg.norm(impostors[:, None] - rows, axis=2)
        single = as_single(distances, np.full(200, photos), spread)
        rates.append((single < 0.7).mean())
        plain.append((distances < 0.7).mean())
    assert 0.003 < rates[0] < 0.03
    assert max(rates) < 1.3 * min(rates)
    assert max(plain) > 1.7 * min(plain)


def test_people_with_one_photo_tell_nothing():
    rng = np.random.default_rng(0)
    assert measured_spread(people(rng, 50, 1, 0.1), people(rng, 50, 1, 0.1)) is None
    assert measured_spread(people(rng, 50, 1, 0.1), people(rng, 9, 3, 0.1)) is None
