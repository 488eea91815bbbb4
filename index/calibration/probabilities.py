"""How likely the best match is the right person: logistic regression on distances."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord

Float64 = NDArray[np.float64]

# A second person who is farther off than this tells no more.
LARGEST_MARGIN = 0.25
# Distances are given to the regression in tenths: about their spread.
_TENTH = 0.1


@dataclass(frozen=True)
class MatchProbability:
    """P(right) = 1 / (1 + exp(-(offset + closeness * c + margin * m))).

    c is how far the match lies below the threshold for FPIR 1%, m how much farther
    the second person is, both in tenths. No weight is negative, so a closer match is
    never less likely.
    """

    offset: float
    closeness: float
    margin: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in asdict(self).values()):
            raise BadRecord("a probability needs finite weights")
        if self.closeness < 0 or self.margin < 0:
            raise BadRecord("the weights of a probability are not negative")

    def of(self, closeness: float, margin: float | None) -> float:
        """Probability in [0, 1] that a match is right.

        Args:
            closeness: threshold for FPIR 1% less the distance; may be negative.
            margin: of the second person; None when there is none.
        """
        second = LARGEST_MARGIN if margin is None else margin
        weights = np.array([self.offset, self.closeness, self.margin])
        logit = (_inputs(np.array([closeness]), np.array([second])) @ weights).item()
        small = math.exp(-abs(logit))
        return (1 if logit >= 0 else small) / (1 + small)


def fit_probability(
    closeness: Float64, margin: Float64, right: NDArray[np.bool_], weights: Float64
) -> MatchProbability:
    """Maximum likelihood, with weights that are not negative.

    Args:
        closeness, margin: (N,), see `MatchProbability.of`.
        right: (N,) whether the match is the right person; both must occur.
        weights: (N,) of the probes, positive.

    Raises:
        ValueError: all are right, or none.
        BadRecord: closer matches are more often wrong.
    """
    from sklearn.linear_model import LogisticRegression

    if right.all() or not right.any():
        raise ValueError("right and wrong matches are needed to tell them apart")
    rows = _inputs(closeness, margin)[:, 1:]
    fractions = weights * len(weights) / weights.sum()
    # Hardly any ridge: it only keeps the weights of separable people finite.
    model = LogisticRegression(C=100.0).fit(rows, right, fractions)
    if (model.coef_[0] < 0).any():
        # The margin follows from the distance in a small gallery: it tells nothing new.
        rows = rows * [1.0, 0.0]
        model = LogisticRegression(C=100.0).fit(rows, right, fractions)
    closer, apart = (float(weight) for weight in model.coef_[0])
    return MatchProbability(float(model.intercept_[0]), closer, apart)


def _inputs(closeness: Float64, margin: Float64) -> Float64:
    ones = np.ones_like(closeness)
    capped = np.minimum(margin, LARGEST_MARGIN)
    return np.stack([ones, closeness / _TENTH, capped / _TENTH], axis=1)
