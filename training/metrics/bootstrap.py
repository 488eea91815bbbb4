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

from masking.landmarks import Float32
from training.metrics.identification import Search, tpir_at_fpir
from training.metrics.pairs import Comparisons, Float64, ScoredPairs
from training.metrics.score_normalization import Indices

# Impostor pairs beyond this many times the wanted FAR are seldom needed; leaving
# them out of each round makes it fifty times faster.
TAIL = 4.0
# For AUC and EER, which need the far impostors too: evenly along all distances,
# so that the error of leaving out is far below the width of any interval.
SPREAD = 400_000
Counts = NDArray[np.int64]
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, eq=False)
class RedrawnPairs:
    """What every round needs of a set of pairs.

    A person drawn twice counts twice in own pairs, a pair of people as often as
    the product of both; copies of one person are not compared with each other.

    Attributes:
        genuine: the genuine pairs.
        tail: the closest impostor pairs, far enough for all FARs and thresholds
            of most rounds.
        impostor: all impostor pairs, for the other rounds.
        spread: some of them, evenly along all distances.
        between: weight of each pair of people.
    """

    genuine: Comparisons
    tail: _Weighted
    impostor: _Weighted
    spread: _Weighted
    between: _PeoplePairs

    @classmethod
    def of(
        cls, pairs: ScoredPairs, fars: tuple[float, ...], thresholds: tuple[float, ...]
    ) -> RedrawnPairs:
        """Prepare for `tar_and_far` with these FARs and thresholds."""
        impostor = _Weighted.of(pairs.impostor, slice(None))
        wanted = min(1.0, TAIL * max(fars)) * pairs.impostor.cumulative[-1]
        tail = int(np.searchsorted(pairs.impostor.cumulative, wanted))
        furthest = np.float32(max(thresholds, default=0.0))
        fixed = np.searchsorted(impostor.distances, furthest, side="right")
        step = max(1, -(-len(impostor.distances) // SPREAD))
        return cls(
            pairs.genuine,
            _Weighted.of(pairs.impostor, slice(max(tail, int(fixed)))),
            impostor,
            _Weighted.of(pairs.impostor, slice(None, None, step)),
            _PeoplePairs.of(pairs.impostor),
        )

    def own_weights(self, times: Counts) -> Float64:
        """(G,) fraction of each genuine pair; NaN when none of their people is drawn.

        Args:
            times: (P,) how often each person is drawn.
        """
        own = self.genuine.weights * times[self.genuine.people[:, 0]]
        total = own.sum()
        return np.asarray(own / total if total else np.full(len(own), np.nan))

    def tar_and_far(
        self, times: Counts, own: Float64, fars: Float64, thresholds: Float32
    ) -> tuple[Float64, Float64]:
        """TAR at each FAR, and FAR at each fixed threshold; NaN without impostors."""
        total = self.between.total(times)
        if not total:
            return np.full(len(fars), np.nan), np.full(len(thresholds), np.nan)
        tail = self.tail
        reached = tail.cumulative(times)
        if reached[-1] <= max(fars) * total:
            tail = self.impostor
            reached = tail.cumulative(times)
        # As threshold_at_far: all below the first impostor over the limit.
        limits = np.searchsorted(reached[1:], fars * total * (1 + 1e-9), "right")
        edges = np.append(tail.distances, np.float32(np.inf))[limits]
        accepted = np.searchsorted(self.genuine.distances, edges, side="left")
        cumulative = np.append(0.0, np.cumsum(own))
        # Divided, so that everything accepted is exactly 1.
        tar = cumulative[accepted] / cumulative[-1]
        fixed = np.searchsorted(tail.distances, thresholds, side="right")
        return tar, reached[fixed] / total

    def auc_and_eer(self, times: Counts, own: Float64) -> tuple[float, float]:
        """As `auc` and `equal_error_rate`; NaN without impostors."""
        reached = self.spread.cumulative(times)
        if not reached[-1]:
            return float("nan"), float("nan")
        reached /= reached[-1]
        distances = self.genuine.distances
        upto = reached[np.searchsorted(self.spread.distances, distances, "right")]
        below = reached[np.searchsorted(self.spread.distances, distances, "left")]
        area = float(own @ (1 - 0.5 * (upto + below)))
        finite = np.isfinite(distances)
        tar, far = np.cumsum(own)[finite], upto[finite]
        # A threshold accepts all pairs of its distance; only the last one counts.
        last = np.append(np.diff(distances[finite]) > 0, True)[: len(tar)]
        rates = np.maximum(far, 1 - tar)[last]
        return area, float(rates.min(initial=1.0))


@dataclass(frozen=True, eq=False)
class _Weighted:
    """Impostor pairs, closest first: what is needed to weigh them again."""

    distances: Float32
    weights: Float64
    people: Indices

    @classmethod
    def of(cls, part: Comparisons, chosen: slice) -> _Weighted:
        return cls(part.distances[chosen], part.weights[chosen], part.people[chosen])

    def cumulative(self, times: Counts) -> Float64:
        """(P + 1,) weight of the k closest pairs, k = 0 .. P."""
        weights = self.weights * times[self.people[:, 0]]
        weights *= times[self.people[:, 1]]
        return np.append(0.0, np.cumsum(weights))


@dataclass(frozen=True, eq=False)
class _PeoplePairs:
    """Weight of each pair of people that has comparisons, sorted by the first."""

    first: Indices
    second: Indices
    weights: Float64
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, impostor: Comparisons) -> _PeoplePairs:
        span = int(impostor.people.max(initial=0)) + 1
        keys = impostor.people[:, 0].astype(np.int64) * span + impostor.people[:, 1]
        keys, inverse = np.unique(keys, return_inverse=True)
        weights: Float64 = np.bincount(inverse, weights=impostor.weights).astype(float)
        first = (keys // span).astype(np.int32)
        starts = np.flatnonzero(np.diff(first, prepend=-1))
        return cls(first[starts], (keys % span).astype(np.int32), weights, starts)

    def total(self, times: Counts) -> float:
        """Weight of all of them after a draw."""
        if not len(self.starts):
            return 0.0
        sums = np.add.reduceat(self.weights * times[self.second], self.starts)
        return float(sums @ times[self.first])


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


@dataclass(frozen=True)
class Rate:
    """A figure and its 95% interval; NaN where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")

    @classmethod
    def drawn(cls, value: float, draws: Float64) -> Rate:
        """With the interval of bootstrap draws, (rounds,)."""
        return cls(float(value), *interval(draws))
