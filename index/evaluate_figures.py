"""What is said about one embedder on one collection of faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.bootstrap import mean_interval, tar_intervals
from index.identification_metrics import ranks
from training.comparisons import (
    EmbeddedFaces,
    ScoredPairs,
    compare_between,
    compare_within,
)
from training.verification_metrics import (
    acceptance,
    auc,
    equal_error_rate,
    pair_accuracy,
    person_folds,
    tar_at_far,
    threshold_at_far,
)

# U = unmasked, M = masked; unmasked comes first because its thresholds are used
# on the others.
SETS = ("U-U", "M-U", "M-M")
FARS = (1e-2, 1e-3, 1e-4)
CURVE_FARS = np.logspace(-5, 0, 101)
CMC_DEPTH = 20

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class SetFigures:
    """Verification on one set. Directions: see `verification_metrics`.

    Attributes:
        genuine_pairs, impostor_pairs: how many comparisons.
        genuine_people: people with a genuine pair; each has the same weight.
        lost: share of genuine weight with a face that was not acquired.
        tar: for each of FARS.
        tar_intervals: 95%, for each of FARS; empty without bootstrap.
        thresholds: distance accepted at each of FARS.
        far_at_plain: FAR of this set at the U-U thresholds of FARS; empty
            without U-U pairs.
        tar_at_plain: likewise TAR.
        curve_tar: TAR at CURVE_FARS; NaN below what the number of pairs can tell.
    """

    genuine_pairs: int
    impostor_pairs: int
    genuine_people: int
    lost: float
    auc: float
    eer: float
    pair_accuracy: float
    tar: tuple[float, ...]
    tar_intervals: tuple[Interval, ...]
    thresholds: tuple[float, ...]
    far_at_plain: tuple[float, ...]
    tar_at_plain: tuple[float, ...]
    curve_tar: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class RankFigures:
    """Identification of masked probes among unmasked templates.

    Attributes:
        probes: masked faces that were searched, acquired or not.
        left_out: masked faces whose person has no (other) unmasked photograph.
        gallery_people: people with a template.
        cmc: share of probes found among the first 1, 2 .. CMC_DEPTH people.
        rank1_interval: 95% of cmc[0]; NaN without bootstrap.
    """

    probes: int
    left_out: int
    gallery_people: int
    cmc: tuple[float, ...]
    rank1_interval: Interval


@dataclass(frozen=True, eq=False)
class EmbedderFigures:
    """All figures of one embedder; sets without pairs of both kinds are absent."""

    name: str
    fingerprint: str
    sets: dict[str, SetFigures]
    ranks: RankFigures


def figures_of(
    faces: EmbeddedFaces,
    masked: NDArray[np.bool_],
    name: str,
    fingerprint: str,
    seed: int,
    rounds: int,
) -> EmbedderFigures:
    """Measure one embedder.

    Args:
        masked: (N,) bool, which of the faces wear a mask.
        seed: draws folds and intervals, the same ones for every embedder.
        rounds: of the bootstrap; 0 = no intervals.
    """
    plain_thresholds: tuple[float, ...] = ()
    sets: dict[str, SetFigures] = {}
    for kind in SETS:
        pairs = _pairs(kind, faces, masked)
        if not len(pairs.genuine.distances) or not len(pairs.impostor.distances):
            continue
        if kind == "U-U":
            plain_thresholds = _thresholds(pairs)
        sets[kind] = _set_figures(pairs, plain_thresholds, seed, rounds)
    ranked = _rank_figures(faces[masked], faces[~masked], seed, rounds)
    return EmbedderFigures(name, fingerprint, sets, ranked)


def _pairs(kind: str, faces: EmbeddedFaces, masked: NDArray[np.bool_]) -> ScoredPairs:
    if kind == "M-U":
        return compare_between(faces[masked], faces[~masked])
    return compare_within(faces[~masked if kind == "U-U" else masked])


def _thresholds(pairs: ScoredPairs) -> tuple[float, ...]:
    return tuple(threshold_at_far(pairs.impostor, far) for far in FARS)


def _set_figures(
    pairs: ScoredPairs, plain: tuple[float, ...], seed: int, rounds: int
) -> SetFigures:
    genuine, impostor = pairs.genuine, pairs.impostor
    people = int(max(genuine.people.max(), impostor.people.max())) + 1
    folds = person_folds(people, np.random.default_rng(seed))
    intervals = (
        tar_intervals(pairs, FARS, rounds, np.random.default_rng(seed))
        if rounds
        else np.empty((0, 2))
    )
    finest = 1 / len(impostor.distances)
    return SetFigures(
        genuine_pairs=len(genuine.distances),
        impostor_pairs=len(impostor.distances),
        genuine_people=len(np.unique(genuine.people)),
        lost=1 - acceptance(genuine, float(np.finfo(np.float32).max)),
        auc=auc(pairs),
        eer=equal_error_rate(pairs),
        pair_accuracy=pair_accuracy(pairs, folds),
        tar=tuple(tar_at_far(pairs, far) for far in FARS),
        tar_intervals=tuple((float(low), float(high)) for low, high in intervals),
        thresholds=_thresholds(pairs),
        far_at_plain=tuple(acceptance(impostor, threshold) for threshold in plain),
        tar_at_plain=tuple(acceptance(genuine, threshold) for threshold in plain),
        curve_tar=tuple(
            tar_at_far(pairs, float(far)) if far >= finest else float("nan")
            for far in CURVE_FARS
        ),
    )


def _rank_figures(
    probes: EmbeddedFaces, references: EmbeddedFaces, seed: int, rounds: int
) -> RankFigures:
    found = ranks(probes, references)
    interval = (float("nan"), float("nan"))
    if rounds and len(found.ranks):
        first = (found.ranks <= 1).astype(np.float64)
        rng = np.random.default_rng(seed)
        low, high = mean_interval(first, found.people, rounds, rng)
        interval = (float(low), float(high))
    return RankFigures(
        probes=len(found.ranks),
        left_out=found.left_out,
        gallery_people=found.gallery_people,
        cmc=tuple(found.cmc(CMC_DEPTH)),
        rank1_interval=interval,
    )
