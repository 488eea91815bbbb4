"""Brings calibrations that older versions stored to the present format."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# What a table of the present format has at least; sizes of 1 to a million.
_SIZES = tuple(10**power for power in range(7))
_FPIRS = (0.001, 0.01, 0.1, 0.4)
_STATES = ("unmasked", "masked")


def upgrade_1_to_2(record: dict[str, Any]) -> dict[str, Any]:
    """From the low tail of the distances of masked impostors to tables of thresholds.

    A gallery of N templates gives an impostor some name with the probability
    1 - (1 - FAR)^N if the N comparisons are independent (Grother & Ngan, NISTIR 8009,
    2014). Unmasked probes and masked templates get the same thresholds, as format 1 did
    not tell them apart, and there are no probabilities.

    Raises:
        KeyError, TypeError, ValueError: no record of format 1.
    """
    logs = np.log(np.array(record["far"], dtype=np.float64))
    distances = np.array(record["distance"], dtype=np.float64)
    if len(logs) != len(distances) or len(logs) < 2 or (np.diff(logs) <= 0).any():
        raise ValueError("two ascending columns of a length were expected")
    table = {
        "sizes": list(_SIZES),
        "fpirs": list(_FPIRS),
        "distances": [
            [_distance(logs, distances, _far(size, fpir)) for fpir in _FPIRS]
            for size in _SIZES
        ],
        "measured_size": 1,
    }
    pairs = [f"{probe}-{template}" for probe in _STATES for template in _STATES]
    return {
        "format_version": 2,
        "thresholds": dict.fromkeys(pairs, table),
        # The old tail was measured on the gallery's own templates.
        "spread": dict.fromkeys(_STATES, 0.0),
        "probability": {},
        "impostors": 0,
        "source": f"{record['source']} ({int(record['pairs'])} pairs)",
    }


def _far(size: int, fpir: float) -> float:
    return -math.expm1(math.log1p(-fpir) / size)


def _distance(logs: Any, distances: Any, far: float) -> float:
    """The distance below which a fraction `far` of pairs lies, read off the tail."""
    if math.log(far) >= logs[0]:
        return float(np.interp(math.log(far), logs, distances))
    # The lowest decade or, if the tail is shorter, all of it, as a straight line.
    low = logs <= logs[0] + math.log(10)
    low[:2] = True
    slope, offset = np.polyfit(logs[low], distances[low], 1)
    return max(0.0, float(slope * math.log(far) + offset))
