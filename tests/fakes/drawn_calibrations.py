"""Calibrations made up for tests: the same threshold for everything."""

from index.calibration.calibration import PAIRS, Calibration
from index.calibration.thresholds import Thresholds


def flat_thresholds(distance):
    return Thresholds((1, 1000), (0.01, 0.1), ((distance,) * 2,) * 2, 1000)


def flat_calibration(distance=0.5, probability=None, spread=0.0, **others):
    """`others` replaces the thresholds of some pairs: unmasked_masked=0.4."""
    tables = {pair: flat_thresholds(distance) for pair in PAIRS}
    for pair, value in others.items():
        tables[pair.replace("_", "-")] = flat_thresholds(value)
    spreads = {"unmasked": spread, "masked": 2 * spread}
    return Calibration(tables, spreads, probability or {}, 100, "drawn")
