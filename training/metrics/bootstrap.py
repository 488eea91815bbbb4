"""95% intervals by drawing people, not pairs: pairs of one person are not independent.

Source: Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13
(percentile intervals); people as the unit after Bolle, Ratha & Pankanti, CVIU 93,
2004.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics.bootstrap_pairs import Counts, RedrawnPairs
from training.metrics.open_set import Search, tpir_at_fpir
from training.metrics.pairs import Float64, Indices, ScoredPairs

PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, eq=False)
class DrawnRates:
    """The rates in each of R bootstrap rounds; NaN where a draw has no pairs.

    Draws of the same seed and people are the same, so that the differences of two
    embedders round by round are those of paired samples.

    Attributes:
        tar: (R, F) `tar_at_far` for each FAR.
        far_at: (R, T) fraction of impostor weight within each fixed threshold.
        auc, eer: (R,) `auc` and `equal_error_rate`.
    """

    tar: Float64
    far_at: Float64
    auc: Float64
    eer: Float64


def drawn_people(
    present: NDArray[np.intp], size: int, rounds: int, rng: np.random.Generator
) -> Iterator[Counts]:
    """How often each of `size` people is drawn, from those `present`, per round."""
    for _ in range(rounds):
        drawn = rng.choice(present, size=len(present), replace=True)
        yield np.bincount(drawn, minlength=size)


def drawn_rates(
    pairs: ScoredPairs,
    fars: tuple[float, ...],
    thresholds: tuple[float, ...],
    rounds: int,
    rng: np.random.Generator,
) -> DrawnRates:
    """Measure a set of pairs again with people drawn with replacement.

    Args:
        thresholds: for `far_at`.
    """
    redrawn = RedrawnPairs.of(pairs, fars, thresholds)
    present = _present(pairs)
    size = int(present.max(initial=0)) + 1
    tar = np.empty((rounds, len(fars)))
    far_at = np.empty((rounds, len(thresholds)))
    curve = np.empty((rounds, 2))
    wanted, fixed = np.array(fars), np.array(thresholds, np.float32)
    for number, times in enumerate(drawn_people(present, size, rounds, rng)):
        own = redrawn.own_weights(times)
        tar[number], far_at[number] = redrawn.tar_and_far(times, own, wanted, fixed)
        curve[number] = redrawn.auc_and_eer(times, own)
    return DrawnRates(tar, far_at, curve[:, 0], curve[:, 1])


def _present(pairs: ScoredPairs) -> NDArray[np.intp]:
    """(P,) the people of any pair, ascending."""
    people = (part.people.ravel() for part in (pairs.genuine, pairs.impostor))
    # Counting is ten times faster than sorting millions.
    found = [np.flatnonzero(np.bincount(numbers)) for numbers in people]
    return np.union1d(found[0], found[1])


def drawn_means(
    values: Float64, people: Indices, rounds: int, rng: np.random.Generator
) -> Float64:
    """(rounds,) means of (N,) values, grouped by person, people drawn again."""
    present = np.unique(people).astype(np.intp)
    size = int(present.max(initial=0)) + 1
    sums = np.bincount(people, weights=values, minlength=size)
    counts = np.bincount(people, minlength=size)
    if not len(present):
        return np.full(rounds, np.nan)
    drawn = drawn_people(present, size, rounds, rng)
    return np.array([(times @ sums) / (times @ counts) for times in drawn])


def drawn_tpirs(
    searches: tuple[Search, ...], fpir: float, rounds: int, rng: np.random.Generator
) -> Float64:
    """(rounds,) `tpir_at_fpir` with the people of the probes drawn again.

    The galleries stay as they are; thresholds are chosen in each round.
    """
    parts = [part for one in searches for part in (one.own_people, one.outside_people)]
    present = np.unique(np.concatenate(parts)).astype(np.intp)
    if not len(present):
        return np.full(rounds, np.nan)
    drawn = drawn_people(present, int(present.max()) + 1, rounds, rng)
    return np.array([tpir_at_fpir(searches, fpir, times) for times in drawn])


def interval(draws: Float64) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of (rounds,) draws; NaN without any.

    Rounds without a figure are left out.
    """
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return float("nan"), float("nan")
    low, high = np.percentile(draws, PERCENTILES)
    return float(low), float(high)
