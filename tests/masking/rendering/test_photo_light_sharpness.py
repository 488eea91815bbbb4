"""Blur and noise of pictures whose edges and levels are known."""

import numpy as np
import pytest

from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Landmarks
from masking.rendering.photo_light import quantile, sharpness

SIDE = 300
# A face square of 200 px. The eyes reach from x = 76 to 224 px and from y = 88 to 99;
# their centres are 107 px apart, so that 27 px more count on each side.
FACE = Landmarks(CANONICAL_FACE * 200 + 50)


def picture(grey):
    """(SIDE, SIDE, 3) of one grey value, of one a column, or of one a pixel."""
    values = np.broadcast_to(np.uint8(grey), (SIDE, SIDE))
    return np.repeat(values[..., None], 3, axis=2)


def ramp(start, px, step):
    """Columns from 40 upwards, in `px` steps from the column `start` on."""
    return 40 + step * np.clip(np.arange(SIDE) - start, 0, px)


def chequered(low, high):
    rows, columns = np.indices((SIDE, SIDE))
    return np.where((rows + columns) % 2, high, low)


def test_noise_of_a_chequered_picture():
    # Levels 0.5 around their mean answer the filter with 16 * 0.5 = 8 everywhere:
    # 8 / 6 / 0.6745 = 1.977, of which 0.7 are taken.
    # Steps of 1 px all over are sharper than any lens: the least blur.
    assert sharpness(picture(chequered(100, 101)), FACE) == pytest.approx(
        (0.3, 0.7 * 8 / 6 / 0.6745)
    )
    # Twice as much is more than is ever rendered.
    assert sharpness(picture(chequered(100, 102)), FACE)[1] == 2.5
    assert sharpness(picture(100), FACE) == (pytest.approx(0.3), 0.0)


@pytest.mark.parametrize(
    ("px", "step", "blur_px"),
    [
        # 0.55 * height / (2.507 * slope), at most 6 px.
        (16, 10, 0.55 * 160 / 25.07),
        (8, 20, 0.55 * 160 / 50.14),
        (32, 5, 6.0),
    ],
)
def test_blur_of_an_edge_between_the_eyes(px, step, blur_px):
    measured = sharpness(picture(ramp(140, px, step)), FACE)
    assert measured == (pytest.approx(blur_px, rel=1e-3), 0.0)


def test_edges_within_a_quarter_of_the_eyes_distance_count():
    # The region begins at x = 76.4 - 26.7 = 49.7 px.
    assert sharpness(picture(ramp(58, 12, 10)), FACE)[0] == pytest.approx(
        0.55 * 120 / 25.07, rel=1e-3
    )
    assert sharpness(picture(ramp(30, 12, 10)), FACE)[0] == pytest.approx(0.3)


def test_a_region_of_under_five_pixels_is_taken_as_usual():
    grey = picture(chequered(100, 101))
    # With their margins the eyes of a face of 12 px take rows 50 to 54, five of them,
    # those of 8 px rows 50 to 53.
    assert sharpness(grey, Landmarks(CANONICAL_FACE * 12 + 50)) == pytest.approx(
        (0.3, 0.7 * 8 / 6 / 0.6745)
    )
    assert sharpness(grey, Landmarks(CANONICAL_FACE * 8 + 50)) == (1.0, 1.0)
    # Beyond the picture there is nothing to measure.
    assert sharpness(grey, Landmarks(CANONICAL_FACE * 200 + 900)) == (1.0, 1.0)


def test_quantiles_between_two_rows():
    rows = np.array([[0, 100], [10, 200], [30, 400]], dtype=np.float32)
    np.testing.assert_array_equal(quantile(rows, 0.0), [0, 100])
    np.testing.assert_array_equal(quantile(rows, 0.25), [5, 150])
    np.testing.assert_array_equal(quantile(rows, 0.75), [20, 300])
    np.testing.assert_array_equal(quantile(rows, 1.0), [30, 400])
