"""95% intervals by drawing people, not pairs: pairs of one person are not independent.

Source: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13
(percentile intervals); people as the unit after Bolle, Ratha & Pankanti, CVIU 93,
2004.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from training.comparisons import Comparisons, Float64, ScoredPairs

PERCENTILES = (2.5, 97.5)
# Impostor pairs beyond this many times the wanted FAR are seldom needed; leaving
# them out of each round makes it fifty times faster.
TAIL = 4.0

Counts = NDArray[np.int64]


def drawn_people(
    present: NDArray[np.intp], size: int, rounds: int, rng: np.random.Generator
) -> Iterator[Counts]:
    """How often each of `size` people is drawn, from those `present`, per round."""
    for _ in range(rounds):
        drawn = rng.choice(present, size=len(present), replace=True)
        yield np.bincount(drawn, minlength=size)


def tar_intervals(
    pairs: ScoredPairs, fars: tuple[float, ...], rounds: int, rng: np.random.Generator
) -> Float64:
    """(len(fars), 2) float64: 95% interval of `tar_at_far` for each FAR.

    A person drawn twice counts twice in own pairs, a pair of people as often as
    the product of both; copies of one person are not compared with each other.
    """
    genuine, impostor = pairs.genuine, pairs.impostor
    present = np.union1d(genuine.people, impostor.people).astype(np.intp)
    size = int(present.max(initial=0)) + 1
    between = _weight_between_people(impostor, size)
    cut = int(np.searchsorted(impostor.cumulative, _tail(impostor, fars)))
    tars = []
    for times in drawn_people(present, size, rounds, rng):
        total = float(times @ between @ times)
        own = genuine.weights * times[genuine.people[:, 0]]
        cumulative_own = np.concatenate([[0.0], np.cumsum(own)])
        if total == 0 or cumulative_own[-1] == 0:
            continue  # a draw of one person, or of people without two photographs
        reach = _redrawn(impostor, cut, times)
        if reach[-1] <= max(fars) * total:
            reach = _redrawn(impostor, len(impostor.distances), times)
        # As threshold_at_far: all below the first impostor over the limit.
        limits = np.searchsorted(reach, np.array(fars) * total * (1 + 1e-9), "right")
        edges = np.append(impostor.distances, np.float32(np.inf))[limits]
        accepted = np.searchsorted(genuine.distances, edges, side="left")
        tars.append(cumulative_own[accepted] / cumulative_own[-1])
    return percentile_interval(np.array(tars).reshape(-1, len(fars)))


def mean_interval(
    values: Float64, people: NDArray[np.int32], rounds: int, rng: np.random.Generator
) -> Float64:
    """(2,) float64: 95% interval of the mean of (N,) values, grouped by person."""
    present = np.unique(people).astype(np.intp)
    size = int(present.max(initial=0)) + 1
    sums = np.bincount(people, weights=values, minlength=size)
    counts = np.bincount(people, minlength=size)
    means = [
        (times @ sums) / (times @ counts)
        for times in drawn_people(present, size, rounds, rng)
        if len(present)
    ]
    return np.asarray(percentile_interval(np.array(means).reshape(-1, 1))[0])


def percentile_interval(draws: Float64) -> Float64:
    """(rounds, K) to (K, 2): the 2.5th and 97.5th percentile; NaN without rounds."""
    if not len(draws):
        return np.full((draws.shape[1], 2), np.nan)
    return np.asarray(np.percentile(draws, PERCENTILES, axis=0).T)


def _weight_between_people(impostor: Comparisons, size: int) -> Float64:
    keys = impostor.people[:, 0].astype(np.int64) * size + impostor.people[:, 1]
    summed = np.bincount(keys, weights=impostor.weights, minlength=size * size)
    return np.asarray(summed.reshape(size, size))


def _tail(impostor: Comparisons, fars: tuple[float, ...]) -> float:
    return float(min(1.0, TAIL * max(fars)) * impostor.cumulative[-1])


def _redrawn(impostor: Comparisons, count: int, times: Counts) -> Float64:
    """Cumulative weight of the `count` closest impostor pairs after the draw."""
    first, second = impostor.people[:count].T
    # A leading zero-weight entry keeps an empty tail from having no last element.
    weights = impostor.weights[:count] * times[first] * times[second]
    return np.cumsum(weights) if count else np.zeros(1)
