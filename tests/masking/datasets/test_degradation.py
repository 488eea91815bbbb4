"""Coarse and compressed pictures keep their size and lose detail."""

import numpy as np
import pytest

from masking.datasets.degradation import coarsened, compressed


def drawn() -> np.ndarray:
    """Black and white lines of one px."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, ::2] = 255
    return picture


@pytest.mark.parametrize("degrade", [coarsened, compressed])
def test_degraded_pictures_keep_size_and_brightness(degrade):
    image = drawn()
    found = degrade(image, np.random.default_rng(0))
    assert (found.shape, found.dtype) == (image.shape, np.uint8)
    assert not np.array_equal(found, image)
    assert abs(found.mean() - image.mean()) < 6


def test_a_coarse_picture_has_lost_its_lines():
    # 127.5 is what alternating lines are on the mean.
    assert drawn().std() == 127.5
    assert coarsened(drawn(), np.random.default_rng(0)).std() < 70


def test_the_same_numbers_give_the_same_picture():
    one, other = (
        compressed(coarsened(drawn(), rng), rng)
        for rng in (np.random.default_rng(7), np.random.default_rng(7))
    )
    np.testing.assert_array_equal(one, other)


def test_pictures_of_one_pixel_stay_so():
    image = np.full((1, 1, 3), 9, np.uint8)
    np.testing.assert_array_equal(coarsened(image, np.random.default_rng(0)), image)
