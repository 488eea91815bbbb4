"""Figures of a set of pairs and of a search, with intervals and the worst errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.evaluation.protocol import Pairing
from training.metrics.bootstrap import (
    DrawnRates,
    Rate,
    drawn_means,
    drawn_rates,
    drawn_tpirs,
)
from training.metrics.identification import FPIR, open_set_searches, ranks, tpir_at_fpir
from training.metrics.pairs import Comparisons, Float64, ScoredPairs
from training.metrics.score_normalization import EmbeddedFaces
from training.metrics.verification import (
    acceptance,
    auc,
    equal_error_rate,
    fold_accuracies,
    tar_at_far,
    threshold_at_far,
)

# Of a few people with very many pairs, not all are looked through.
_LOOKED_AT = 200_000
FARS = (1e-2, 1e-3, 1e-4)
CURVE_FARS = np.logspace(-5, 0, 101)
# Pairs of each kind of error that are shown to whoever owns the photographs.
WORST = 8
_UNKNOWN = float("nan")
CMC_DEPTH = 20


@dataclass(frozen=True)
class WorstPair:
    """Two photographs, numbered as in the collection, and their distance."""

    distance: float
    first: int
    second: int


@dataclass(frozen=True)
class WorstPairs:
    """The worst errors of one set.

    Attributes:
        closest_impostors: closest first, one pair of each two people.
        farthest_genuine: farthest first, one pair of each person; pairs with a
            face that was not acquired are not among them.
    """

    closest_impostors: tuple[WorstPair, ...]
    farthest_genuine: tuple[WorstPair, ...]


def worst_pairs(pairs: ScoredPairs, count: int) -> WorstPairs:
    """At most `count` pairs of each kind of error.

    One of each two people, so that a wrong label does not fill the list.
    """
    acquired = int(np.isfinite(pairs.genuine.distances).sum())
    close = int(np.isfinite(pairs.impostor.distances).sum())
    return WorstPairs(
        _first_of_each(pairs.impostor, range(close), count),
        _first_of_each(pairs.genuine, range(acquired - 1, -1, -1), count),
    )


def _first_of_each(
    part: Comparisons, order: range, count: int
) -> tuple[WorstPair, ...]:
    found: dict[frozenset[int], WorstPair] = {}
    for place in order[:_LOOKED_AT]:
        if len(found) == count:
            break
        people = frozenset(part.people[place].tolist())
        if people not in found:
            first, second = part.photos[place].tolist()
            found[people] = WorstPair(float(part.distances[place]), first, second)
    return tuple(found.values())


@dataclass(frozen=True, eq=False)
class SetFigures:
    """Verification on one set. Directions: see `verification_metrics`.

    Attributes:
        genuine_pairs, impostor_pairs: how many were compared.
        genuine_possible, impostor_possible: how many there are; more = a sample
            was compared.
        genuine_people: people with a genuine pair.
        lost: fraction of genuine weight with a face that was not acquired.
        pair_accuracy: mean of the folds, and 1.96 standard errors around it.
        tar: for each of FARS.
        gain: TAR minus that of the first embedder, draw by draw for the
            interval; empty for the first one.
        thresholds: distance accepted at each of FARS.
        far_at_plain: FAR of this set at the U-U thresholds of FARS; empty
            without U-U pairs.
        tar_at_plain: likewise TAR.
        finest_far: one impostor pair; TAR at a smaller FAR is that without any.
        curve_tar: TAR at CURVE_FARS; NaN below `finest_far`.
    """

    genuine_pairs: int
    impostor_pairs: int
    genuine_possible: int
    impostor_possible: int
    genuine_people: int
    lost: float
    auc: Rate
    eer: Rate
    pair_accuracy: Rate
    tar: tuple[Rate, ...]
    gain: tuple[Rate, ...]
    thresholds: tuple[float, ...]
    far_at_plain: tuple[Rate, ...]
    tar_at_plain: tuple[float, ...]
    finest_far: float
    curve_tar: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class MeasuredSet:
    """Figures, the draws that the next embedder is compared with, and the errors."""

    figures: SetFigures
    draws: DrawnRates
    worst: WorstPairs


@dataclass(frozen=True)
class Chance:
    """What is left to the random draw; the same for all embedders.

    Attributes:
        seed: of folds, draws and halves.
        rounds: of the bootstrap; 0 = no intervals.
    """

    seed: int
    rounds: int

    def rng(self) -> np.random.Generator:
        """Afresh, so that every figure and embedder sees the same draws."""
        return np.random.default_rng(self.seed)


def thresholds_of(pairs: ScoredPairs) -> tuple[float, ...]:
    """The distances accepted at FARS."""
    return tuple(threshold_at_far(pairs.impostor, far) for far in FARS)


def measure_set(
    pairs: ScoredPairs,
    pairing: Pairing,
    plain: tuple[float, ...],
    chance: Chance,
    baseline: MeasuredSet | None,
) -> MeasuredSet:
    """All figures of a set with pairs of both kinds.

    Args:
        pairing: where the pairs come from.
        plain: U-U thresholds at FARS; empty = none.
        baseline: the same set by the first embedder; None = this is the first.
    """
    genuine, impostor = pairs.genuine, pairs.impostor
    draws = drawn_rates(pairs, FARS, plain, chance.rounds, chance.rng())
    tar = [tar_at_far(pairs, far) for far in FARS]
    accuracies = fold_accuracies(
        pairs, pairing.folds(chance.rng()), pairing.first_decides
    )
    finest = 1 / len(impostor.distances)
    figures = SetFigures(
        genuine_pairs=len(genuine.distances),
        impostor_pairs=len(impostor.distances),
        genuine_possible=genuine.possible,
        impostor_possible=impostor.possible,
        genuine_people=len(np.unique(genuine.people)),
        lost=1 - acceptance(genuine, float(np.finfo(np.float32).max)),
        auc=Rate.drawn(auc(pairs), draws.auc),
        eer=Rate.drawn(equal_error_rate(pairs), draws.eer),
        pair_accuracy=_mean_of_folds(accuracies),
        tar=_rates(tar, draws.tar),
        gain=_gains(tar, draws, baseline) if baseline else (),
        thresholds=thresholds_of(pairs),
        far_at_plain=_rates([acceptance(impostor, t) for t in plain], draws.far_at),
        tar_at_plain=tuple(acceptance(genuine, threshold) for threshold in plain),
        finest_far=finest,
        curve_tar=tuple(
            tar_at_far(pairs, float(far)) if far >= finest else _UNKNOWN
            for far in CURVE_FARS
        ),
    )
    return MeasuredSet(figures, draws, worst_pairs(pairs, WORST))


def _rates(values: list[float], draws: Float64) -> tuple[Rate, ...]:
    """One rate a value; `draws` is (rounds, values)."""
    return tuple(
        Rate.drawn(value, column) for value, column in zip(values, draws.T, strict=True)
    )


def _gains(
    tar: list[float], draws: DrawnRates, baseline: MeasuredSet
) -> tuple[Rate, ...]:
    before = [rate.value for rate in baseline.figures.tar]
    differences = [now - then for now, then in zip(tar, before, strict=True)]
    return _rates(differences, draws.tar - baseline.draws.tar)


def _mean_of_folds(accuracies: list[float]) -> Rate:
    if len(accuracies) < 2:
        return Rate(accuracies[0] if accuracies else _UNKNOWN)
    mean = float(np.mean(accuracies))
    error = float(np.std(accuracies, ddof=1) / np.sqrt(len(accuracies)))
    return Rate(mean, max(0.0, mean - 1.96 * error), min(1.0, mean + 1.96 * error))


@dataclass(frozen=True, eq=False)
class RankFigures:
    """Identification of masked probes among unmasked templates; higher is better.

    Attributes:
        probes: masked faces that were searched, acquired or not.
        left_out: masked faces whose person has no (other) unmasked photograph.
        gallery_people: people with a template.
        cmc: fraction of probes found among the first 1, 2 .. CMC_DEPTH people.
        rank1: cmc[0] with its interval.
        rank1_gain: rank1 minus that of the first embedder; None for the first.
        tpir: at FPIR, half of the people in the gallery and half outside, then
            the other way round.
        tpir_gain: likewise.
        open_gallery_people: people with a template in the larger half.
        nonmated: probes of people outside, both ways.
    """

    probes: int
    left_out: int
    gallery_people: int
    cmc: tuple[float, ...]
    rank1: Rate
    rank1_gain: Rate | None
    tpir: Rate
    tpir_gain: Rate | None
    open_gallery_people: int
    nonmated: int


@dataclass(frozen=True, eq=False)
class MeasuredRanks:
    """Figures, and the draws that the next embedder is compared with."""

    figures: RankFigures
    rank1: Float64
    tpir: Float64


def measure_ranks(
    probes: EmbeddedFaces,
    references: EmbeddedFaces,
    chance: Chance,
    baseline: MeasuredRanks | None,
) -> MeasuredRanks:
    """Search all probes, closed set and open set.

    Args:
        baseline: the same by the first embedder; None = this is the first.
    """
    found = ranks(probes, references)
    first = (found.ranks <= 1).astype(np.float64)
    rank1 = drawn_means(first, found.people, chance.rounds, chance.rng())
    searches = open_set_searches(probes, references, chance.rng())
    tpir = drawn_tpirs(searches, FPIR, chance.rounds, chance.rng())
    fraction, at_fpir = found.rate(1), tpir_at_fpir(searches)
    gains: list[Rate | None] = [None, None]
    if baseline:
        before = baseline.figures
        gains = [
            Rate.drawn(fraction - before.rank1.value, rank1 - baseline.rank1),
            Rate.drawn(at_fpir - before.tpir.value, tpir - baseline.tpir),
        ]
    figures = RankFigures(
        probes=len(found.ranks),
        left_out=found.left_out,
        gallery_people=found.gallery_people,
        cmc=tuple(found.cmc(CMC_DEPTH)),
        rank1=Rate.drawn(fraction, rank1),
        rank1_gain=gains[0],
        tpir=Rate.drawn(at_fpir, tpir),
        tpir_gain=gains[1],
        open_gallery_people=max(search.gallery_people for search in searches),
        nonmated=sum(len(search.outside) for search in searches),
    )
    return MeasuredRanks(figures, rank1, tpir)
