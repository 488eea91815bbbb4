"""The score by hand, and how it is written."""

import numpy as np
import pytest

from index.calibration.score import accepted_from, scores, shown


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
