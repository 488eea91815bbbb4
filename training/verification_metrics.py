"""Error rates of verification, from distances: lower is closer.

A pair is accepted when its distance <= threshold; equal distances are accepted
or rejected together. A pair with a face that was not acquired has an infinite
distance and is never accepted: an error in every genuine pair, none in an
impostor pair. FAR is the share of impostor weight accepted, TAR that of genuine
weight; the weights (see `comparisons`) make people count equally.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from training.comparisons import Comparisons, Float64, Indices, ScoredPairs

FOLDS = 10


@dataclass(frozen=True, eq=False)
class Roc:
    """What every threshold that makes a difference gives, strictest first.

    Attributes:
        thresholds: (T,) float32, ascending distances, all finite.
        far: (T,) float64, false accept rate, lower is better.
        tar: (T,) float64, true accept rate, higher is better.
    """

    thresholds: Float32
    far: Float64
    tar: Float64


def roc(pairs: ScoredPairs) -> Roc:
    """The ROC at every genuine distance, after a point that accepts nothing.

    Between two neighbouring genuine distances only FAR grows, so the points left
    out are the corners that no choice of threshold would prefer.
    """
    finite = pairs.genuine.distances[np.isfinite(pairs.genuine.distances)]
    thresholds = np.append(np.float32(-1.0), np.unique(finite))
    return Roc(
        thresholds,
        pairs.impostor.accepted(thresholds),
        pairs.genuine.accepted(thresholds),
    )


def auc(pairs: ScoredPairs) -> float:
    """Area under the ROC, in [0, 1]; higher is better.

    The probability that a genuine pair is closer than an impostor pair; a tie
    counts one half. Pairs that were not acquired tie with each other.
    Source: Hanley & McNeil, Radiology 143, 1982.
    """
    impostor, genuine = pairs.impostor, pairs.genuine
    closer = np.searchsorted(impostor.distances, genuine.distances, side="left")
    upto = np.searchsorted(impostor.distances, genuine.distances, side="right")
    beaten = 0.5 * (impostor.cumulative[closer] + impostor.cumulative[upto])
    total = impostor.cumulative[-1]
    # Shares first: a perfect 1 must not become 1 + 2e-16.
    won = genuine.weights * ((total - beaten) / total)
    return float(won.sum() / genuine.weights.sum())


def equal_error_rate(pairs: ScoredPairs) -> float:
    """Smallest rate that FAR and 1 - TAR both stay under; lower is better.

    The two meet there, or one steps over the other. Where too many faces were
    not acquired for them to meet, it is the share of genuine pairs lost.
    """
    points = roc(pairs)
    return float(np.maximum(points.far, 1 - points.tar).min())


def threshold_at_far(impostor: Comparisons, far: float) -> float:
    """Largest finite distance at which FAR <= `far`; higher accepts more."""
    allowed = far * impostor.cumulative[-1]
    # Rounding of the sum must not cost the last pair of, say, exactly 1 in 100.
    limit = allowed * (1 + 1e-9)
    first = int(np.searchsorted(impostor.cumulative[1:], limit, side="right"))
    largest = np.finfo(np.float32).max
    if first == len(impostor.distances) or not np.isfinite(impostor.distances[first]):
        return float(largest)
    return float(np.nextafter(impostor.distances[first], np.float32(-np.inf)))


def tar_at_far(pairs: ScoredPairs, far: float) -> float:
    """Genuine weight accepted at false accept rate `far`; higher is better."""
    return acceptance(pairs.genuine, threshold_at_far(pairs.impostor, far))


def acceptance(comparisons: Comparisons, threshold: float) -> float:
    """Share accepted at a threshold: TAR of genuine, FAR of impostor pairs."""
    return float(comparisons.accepted(np.array([threshold], np.float32))[0])


def person_folds(people_count: int, rng: np.random.Generator) -> Indices:
    """(people_count,) int32: each person's fold, FOLDS folds of equal size."""
    return (rng.permutation(people_count) % FOLDS).astype(np.int32)


def pair_accuracy(pairs: ScoredPairs, folds: Indices) -> float:
    """Share of decisions that are right, (TAR + 1 - FAR) / 2; higher is better.

    Each fold is judged at the threshold that is best on the pairs among the
    people of the other folds (the lower one of equally good ones); pairs across
    folds with the judged one are left out. Folds without a genuine or an
    impostor pair are left out of the mean.
    Source: Huang et al., "Labeled Faces in the Wild", UMass 07-49, section 3.

    Args:
        folds: (people,) int32, the fold of each person.
    """
    accuracies = []
    for fold in np.unique(folds):
        judged = _inside(pairs, folds == fold)
        others = _inside(pairs, folds != fold)
        sizes = [len(part.distances) for part in _parts(judged) + _parts(others)]
        if not all(sizes):
            continue
        points = roc(others)
        best = points.thresholds[int(np.argmax(points.tar - points.far))]
        tar = acceptance(judged.genuine, float(best))
        far = acceptance(judged.impostor, float(best))
        accuracies.append((tar + 1 - far) / 2)
    return float(np.mean(accuracies)) if accuracies else float("nan")


def _parts(pairs: ScoredPairs) -> list[Comparisons]:
    return [pairs.genuine, pairs.impostor]


def _inside(pairs: ScoredPairs, member: NDArray[np.bool_]) -> ScoredPairs:
    """The pairs whose two people are both members, (people,) bool."""
    kept = []
    for part in _parts(pairs):
        both = member[part.people[:, 0]] & member[part.people[:, 1]]
        kept.append(
            Comparisons(part.distances[both], part.weights[both], part.people[both])
        )
    return ScoredPairs(kept[0], kept[1])
