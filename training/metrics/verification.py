"""Error rates of verification, from distances: lower is closer.

A pair is accepted when its distance <= threshold; equal distances are accepted
or rejected together. A pair with a face that was not acquired has an infinite
distance and is never accepted: an error in every genuine pair, none in an
impostor pair. FAR is the fraction of impostor weight accepted, TAR that of genuine
weight; the weights (see `comparisons`) make people count equally.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from training.metrics.pairs import Comparisons, Float64, ScoredPairs
from training.metrics.score_normalization import Indices

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
    # Fractions first: a perfect 1 must not become 1 + 2e-16.
    won = genuine.weights * ((total - beaten) / total)
    return float(won.sum() / genuine.weights.sum())


def equal_error_rate(pairs: ScoredPairs) -> float:
    """Smallest rate that FAR and 1 - TAR both stay under; lower is better.

    The two meet there, or one steps over the other. Where too many faces were
    not acquired for them to meet, it is the fraction of genuine pairs lost.
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
    """Fraction accepted at a threshold: TAR of genuine, FAR of impostor pairs."""
    return float(comparisons.accepted(np.array([threshold], np.float32))[0])


def person_folds(people_count: int, rng: np.random.Generator) -> Indices:
    """(people_count,) int32: each person's fold, folds of equal size.

    There are FOLDS folds, fewer where a fold would hold less than two people and
    so no impostor pair.
    """
    folds = max(1, min(FOLDS, people_count // 2))
    return (rng.permutation(people_count) % folds).astype(np.int32)


def fold_accuracies(
    pairs: ScoredPairs, folds: Indices, first_decides: bool = False
) -> list[float]:
    """Fraction of right decisions in each fold, (TAR + 1 - FAR) / 2; higher is better.

    Each fold is judged at the threshold that is best on the pairs among the
    people of the other folds (the lower one of equally good ones). Folds without
    a genuine or an impostor pair are left out.
    Source: Huang et al., "Labeled Faces in the Wild", UMass 07-49, section 3.

    Args:
        folds: (people,) int32, the fold of each person.
        first_decides: a pair belongs to the fold of its first person. Otherwise
            both people must be of the fold, and pairs across folds are not
            judged; a short list of pairs cannot afford that.
    """
    accuracies = []
    genuine, impostor = (folds[part.people] for part in (pairs.genuine, pairs.impostor))
    for fold in np.unique(folds):
        of_fold, of_others = [], []
        for part, owners in ((pairs.genuine, genuine), (pairs.impostor, impostor)):
            member = owners == fold
            judged = member[:, 0] & (member[:, 1] | first_decides)
            of_fold.append(_reweighted(part, judged))
            of_others.append(_reweighted(part, ~member.any(axis=1)))
        if not all(part.cumulative[-1] > 0 for part in of_fold + of_others):
            continue
        points = roc(ScoredPairs(of_others[0], of_others[1]))
        best = float(points.thresholds[int(np.argmax(points.tar - points.far))])
        tar, far = (acceptance(part, best) for part in of_fold)
        accuracies.append((tar + 1 - far) / 2)
    return accuracies


def _reweighted(part: Comparisons, chosen: NDArray[np.bool_]) -> Comparisons:
    """Only the chosen comparisons have weight; copies nothing else."""
    return Comparisons(
        part.distances, part.weights * chosen, part.people, part.photos, part.possible
    )
