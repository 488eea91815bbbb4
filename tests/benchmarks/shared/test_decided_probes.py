"""How far stated probabilities are from the fractions that come true."""

import numpy as np
import pytest

from benchmarks.shared.decided_probes import calibration_error


def test_calibration_error_by_hand():
    # Two bins of two: |0.25 - 0.5| and |0.75 - 1| with weights 1/4 and 3/4.
    probability = np.array([0.25, 0.25, 0.75, 0.75])
    right = np.array([True, False, True, True])
    weights = np.array([1.0, 1.0, 3.0, 3.0])
    assert calibration_error(probability, right, weights, 2) == pytest.approx(0.25)
    assert calibration_error(np.array([0.0, 1.0]), right[[1, 2]], np.ones(2)) == 0
    # A probability of 1 is in the last bin: |0.25 - 1| of two.
    ends = calibration_error(np.array([0.75, 1.0]), right[:2], np.ones(2), 2)
    assert ends == pytest.approx(0.375)
