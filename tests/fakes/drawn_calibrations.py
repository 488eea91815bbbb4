"""Calibrations made up for tests: the same threshold for everything."""

from index.calibration.calibration import PAIRS, Calibration
from index.calibration.thresholds import Thresholds


def flat_thresholds(square):
    return Thresholds((1, 1000), (0.01, 0.1), ((square,) * 2,) * 2, 1000)


def flat_calibration(square=0.5, probability=None, spread=0.0, alike=0.0, **others):
    """`others` replaces the thresholds of some pairs: unmasked_masked=0.4."""
    tables = {pair: flat_thresholds(square) for pair in PAIRS}
    for pair, value in others.items():
        tables[pair.replace("_", "-")] = flat_thresholds(value)
    models = {
        pair: model
        for state, model in (probability or {}).items()
        for pair in PAIRS
        if pair.startswith(f"{state}-")
    }
    spreads = {"unmasked": spread, "masked": 2 * spread}
    gaps = {"unmasked": alike, "masked": 2 * alike}
    return Calibration(tables, spreads, models, gaps, 100, "drawn")
