"""How likely the name of the best match is right, from the two highest scores."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord

Float64 = NDArray[np.float64]

# What probabilities are measured against, whatever rate a user asks for.
USUAL_FPIR = 0.01
# Scores are given to the model in tens: about their spread.
_TEN = 10.0
# A gap that is as good as infinite.
_FARTHEST = 1e3
_RIDGE = 1e-5
_DRAWS = 200
# Smaller galleries are taken for one of this size: fewer look-alikes were measured.
SMALLEST_GALLERY = 10


@dataclass(frozen=True)
class MatchProbability:
    """P(right) = s(offset + score * a + size * g) * s(gap * (a - b)).

    s(x) = 1 / (1 + exp(-x)); a and b are the scores of the first and the second, in
    tens; g = log10(n / 10) for a gallery of n people. The first factor is
    whether it is one of the two at all, the second one which of them: of two with the
    same score, neither is more likely than a half. The larger the gallery, the nearer
    its threshold, and the fewer own photos reach a score: the same one says less.
    Neither `score` nor `gap` is negative, so a higher
    score is never less likely, and a second that comes nearer never makes it likelier.
    """

    offset: float
    score: float
    gap: float
    size: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in asdict(self).values()):
            raise BadRecord("a probability needs finite weights")
        if self.score < 0 or self.gap < 0:
            raise BadRecord("the weights of a probability's scores are not negative")

    def of(
        self,
        first: float,
        second: float | None = None,
        gallery_size: int = SMALLEST_GALLERY,
    ) -> float:
        """Probability in [0, 1] that the name of the first is right.

        Args:
            first, second: the two highest scores at the threshold for FPIR 1%; they
                may be negative. None when there is no second person.
            gallery_size: people in the gallery.
        """
        other = -math.inf if second is None else second
        rows = (np.array([value]) for value in (first, other, gallery_size))
        return float(self.each(*rows)[0])

    def stricter(self, by: float) -> MatchProbability:
        """For scores that were lowered by so much, as impostors come nearer by it.

        Their owners' photos do not come nearer: where one is as likely as the other
        lies in the middle between them, and moves by half.
        """
        return replace(self, offset=self.offset + self.score * by / 2 / _TEN)

    def each(
        self, first: Float64, second: Float64, sizes: NDArray[np.int64]
    ) -> Float64:
        """(N,) what `of` gives for (N,) probes; -infinite without a second person."""
        weights = np.array([self.offset, self.score, self.gap, self.size])
        return _probabilities(weights, first, second, sizes)


def fit_probability(
    first: Float64,
    second: Float64,
    right: NDArray[np.bool_],
    weights: Float64,
    sizes: NDArray[np.int64],
) -> MatchProbability:
    """Maximum likelihood, with weights of the scores that are not negative.

    Args:
        first, second: (N,), see `MatchProbability.of`; -infinite without a second.
        right: (N,) whether the first is the right person; both must occur.
        weights: (N,) of the probes, positive; only their ratios matter.
        sizes: (N,) people in the gallery of each.

    Raises:
        ValueError: all are right, or none.
    """
    from scipy.optimize import minimize

    if right.all() or not right.any():
        raise ValueError("right and wrong matches are needed to tell them apart")
    fractions = weights / weights.sum()

    def loss(values: Float64) -> float:
        found = np.clip(_probabilities(values, first, second, sizes), 1e-9, 1 - 1e-9)
        fit = fractions @ np.log(np.where(right, found, 1 - found))
        # Hardly any ridge: it only keeps the weights of separable people finite.
        return float(_RIDGE * (values**2).sum() - fit)

    start = np.array([0.0, 1.0, 1.0, 0.0])
    bounds = [(None, None), (0, None), (0, None), (None, None)]
    best = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
    return MatchProbability(*map(float, best.x))


def calibration_error(
    probability: Float64, right: NDArray[np.bool_], weights: Float64, bins: int = 15
) -> float:
    """Expected calibration error, 0 = none; bins of one width.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 3.

    Args:
        probability, weights: (N,); right: (N,) bool.
    """
    places = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = weights * (right - probability)
    return float(np.abs(np.bincount(places, gaps, bins)).sum() / weights.sum())


def calibration_error_by_chance(probability: Float64, weights: Float64) -> float:
    """What `calibration_error` is on the mean where all probabilities are true.

    Few faces alone make one: names are right or wrong, not to .7.
    """
    rng = np.random.default_rng(0)
    drawn = rng.random((_DRAWS, len(probability))) < probability
    found = [calibration_error(probability, right, weights) for right in drawn]
    return float(np.mean(found))


def _probabilities(
    weights: Float64, first: Float64, second: Float64, sizes: NDArray[np.int64]
) -> Float64:
    offset, score, gap, size = weights
    larger = np.log10(np.maximum(sizes, SMALLEST_GALLERY) / SMALLEST_GALLERY)
    # Without a second the gap is infinite, and infinity times no weight is nothing.
    apart = np.minimum(first - second, _FARTHEST) / _TEN
    either = _logistic(offset + score * first / _TEN + size * larger)
    return np.asarray(either * _logistic(gap * apart))


def _logistic(values: Float64) -> Float64:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -500, 500))))
