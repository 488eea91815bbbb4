"""What the benchmark reports is what was timed."""

import sys

import numpy as np
import pytest

from benchmarks.shared.dlib_way import nearest
from benchmarks.speed.identify_speed import ColdFigures, _median_ms, cold_start


def test_the_median_is_that_of_the_chosen():
    assert _median_ms([0.1, 0.5, 0.2], [True, True, False]) == pytest.approx(300)


def test_a_probe_is_compared_with_every_encoding():
    encodings = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 0.0]])
    assert nearest(encodings, np.array([3.0, 0.0])) == (2, 2.0)


def test_a_cold_start_is_timed_as_a_process_and_must_succeed():
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    figures = cold_start([sys.executable, "-c", busy], runs=1)
    assert isinstance(figures, ColdFigures)
    assert figures.cpu_s >= 0.29 and figures.wall_s >= 0.29
    with pytest.raises(RuntimeError, match="no answer"):
        cold_start([sys.executable, "-c", "import sys; sys.exit('no answer')"], runs=1)


def test_a_cold_start_compiles_no_more_than_once(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    asked = "import sys; sys.exit('compiles anew' if sys.dont_write_bytecode else 0)"
    assert cold_start([sys.executable, "-c", asked], runs=1).cpu_s > 0
