"""Calibrating a gallery: measured distances, stored, and refused when too few."""

import numpy as np
import pytest
from test_gallery import FakeEmbedder, photo

from index.gallery import open_or_create_gallery
from index.gallery_calibration import calibrate_gallery
from masking.errors import InvalidConfig


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as opened:
        opened.add([photo(f"Person_{i:02d}", [3, i / 100, 0, 0]) for i in range(20)])
        yield opened


def test_distances_are_those_between_strangers_and_templates(gallery):
    # Strangers at the origin: the nearest person is 3 away, the farthest 3.0060.
    strangers = np.zeros((100, 4), dtype=np.float32)
    calibration = calibrate_gallery(gallery, strangers, "drawn", "a" * 64)
    assert calibration.pairs == 2000
    assert calibration.distance[0] == pytest.approx(3.0, abs=1e-6)
    assert gallery.calibration == calibration


def test_achieved_rate_on_new_strangers(gallery):
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(2, 4000, 4)).astype(np.float32)
    calibration = calibrate_gallery(gallery, old, "drawn", "a" * 64)
    matrix = gallery.templates().matrix
    best = np.linalg.norm(new[:, None] - matrix, axis=2).min(axis=1)
    named = (best < calibration.threshold(20, fpir=0.01)).mean()
    # These templates nearly coincide, the worst case for independence: the rate
    # may be far below the asked one, but never above it.
    assert 0 < named <= 0.012


@pytest.mark.parametrize("count", [0, 49])
def test_too_few_strangers(gallery, count):
    with pytest.raises(InvalidConfig, match="needs 50 strangers"):
        calibrate_gallery(gallery, np.zeros((count, 4), np.float32), "", "a" * 64)


def test_strangers_of_another_embedder(gallery):
    with pytest.raises(InvalidConfig, match="another model"):
        calibrate_gallery(gallery, np.zeros((90, 4), np.float32), "", "b" * 64)
    assert gallery.calibration is None
