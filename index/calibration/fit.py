"""Fits a calibration: how near impostors come, and how likely matches are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.calibration.calibration import (
    MIN_MATED_PEOPLE,
    Calibration,
    MatchProbability,
    chances_of,
)
from index.calibration.decision import MeanFaces
from index.calibration.impostors import (
    BestMatches,
    Comparisons,
    best_matches,
    compare,
    name_gap,
)
from index.calibration.thresholds import Thresholds, extended, measure, measured_spread
from masking.errors import InvalidConfig
from training.metrics.score_normalization import EmbeddedFaces, Float64, Indices

_RIDGE = 1e-5
_DRAWS = 200

# Fewer say nothing about one impostor in a hundred.
MIN_PAIRS = 1000
# More templates cost memory and hardly change what is extrapolated from them.
_MOST_TEMPLATES = 10_000
# Fewer templates are left to the reference.
_FEWEST_TEMPLATES = 10
_SEED = 1


class TooFewImpostors(InvalidConfig):
    """Nothing can be said about one impostor in a hundred."""


@dataclass(frozen=True, eq=False)
class HeldOutFaces:
    """People whom neither the embedder nor the gallery was made of.

    Attributes:
        unmasked: their unmasked faces.
        masked_references: the same faces as masked ones are compared with them.
        masked: their masked faces, real or rendered; `photos` as in `unmasked` where a
            mask was rendered on the same photograph. Several masks a photo may be
            given.
    """

    unmasked: EmbeddedFaces
    masked_references: EmbeddedFaces
    masked: EmbeddedFaces


@dataclass(frozen=True, eq=False)
class OtherPeople:
    """Templates of people who are not held out; there may be none.

    Attributes:
        unmasked: for unmasked faces.
        masked_references: for masked faces.
    """

    unmasked: MeanFaces
    masked_references: MeanFaces


def fit_calibration(
    held_out: HeldOutFaces,
    others: OtherPeople,
    source: str,
    reference: Calibration | None,
) -> Calibration:
    """The calibration of the embedder that made all these embeddings.

    Thresholds are measured on each held-out person's faces against the templates of
    everybody else. For probabilities the other photos of the same person make the
    template that is right.

    Args:
        others: more people, none of them held out.
        source: what the faces are, one line.
        reference: gives its shape where too little was measured: large galleries,
            rare false positives.

    Raises:
        TooFewImpostors: fewer than MIN_PAIRS comparisons of impostors.
    """
    unmasked, masked_references, masked = (
        faces[faces.acquired]
        for faces in (held_out.unmasked, held_out.masked_references, held_out.masked)
    )
    known = reference.spread if reference else None
    spread = {
        "unmasked": _or_known(measured_spread(unmasked, unmasked), known, "unmasked"),
        "masked": _or_known(
            measured_spread(masked, masked_references), known, "masked"
        ),
    }
    plain, under = _some(others.unmasked), _some(others.masked_references)
    kinds = {
        "unmasked-unmasked": (unmasked, unmasked, plain),
        # Only who has no unmasked photo is compared like this.
        "unmasked-masked": (unmasked, _first_masks(masked), under),
        "masked-unmasked": (masked, unmasked, plain),
        # As galleries do: masked faces are compared with masked references.
        "masked-masked": (masked, masked_references, under),
    }
    tables: dict[str, Thresholds] = {}
    probability: dict[str, MatchProbability] = {}
    alike: dict[str, float] = {}
    for pair, (probes, templates, more) in kinds.items():
        state, kind = pair.split("-")
        compared = compare(probes, templates, more, spread[kind])
        _check(compared)
        tables[pair] = _table(compared, reference, pair)
        matches = best_matches(compared, probes.people, tables[pair], _SEED)
        if matches.mated_people >= MIN_MATED_PEOPLE:
            probability[pair] = _likelihood(matches)
        if kind == state:
            gap = name_gap(compared, tables[pair])
            alike[state] = _or_known(gap, reference.alike if reference else None, state)
    people = len(np.unique(np.concatenate([unmasked.people, masked.people])))
    return Calibration(tables, spread, probability, alike, people, source)


def _likelihood(matches: BestMatches) -> MatchProbability:
    return fit_probability(
        matches.first, matches.second, matches.right, matches.weights, matches.sizes
    )


def _first_masks(masked: EmbeddedFaces) -> EmbeddedFaces:
    """One of several masks on the same photo: a gallery has each photo once."""
    chosen = np.zeros(len(masked.photos), dtype=bool)
    chosen[np.unique(masked.photos, return_index=True)[1]] = True
    return masked[chosen]


def _some(others: MeanFaces) -> MeanFaces:
    """At most _MOST_TEMPLATES of them, at random."""
    if len(others.photos) <= _MOST_TEMPLATES:
        return others
    chosen = np.random.default_rng(_SEED).permutation(len(others.photos))
    return others[np.sort(chosen[:_MOST_TEMPLATES])]


def _or_known(
    measured: float | None, reference: Mapping[str, float] | None, kind: str
) -> float:
    """What was measured, else the reference's, 0 without any."""
    if measured is None:
        return reference[kind] if reference else 0.0
    return measured


def _check(compared: Comparisons) -> None:
    pairs = int(np.isfinite(compared.squares).sum())
    if pairs < MIN_PAIRS:
        raise TooFewImpostors(
            f"a calibration needs {MIN_PAIRS:,} pairs of impostors and others, "
            f"got {pairs:,}. Give more people."
        )


def _table(
    compared: Comparisons, reference: Calibration | None, pair: str
) -> Thresholds:
    known = reference.thresholds[pair] if reference else None
    templates = int(np.isfinite(compared.squares).any(axis=0).sum())
    if known is not None and templates < _FEWEST_TEMPLATES:
        return known
    return extended(measure(compared.single(), compared.weights), known)


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
        found = np.clip(chances_of(values, first, second, sizes), 1e-9, 1 - 1e-9)
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


def calibration_error_by_chance(
    probability: Float64, weights: Float64, same: Indices
) -> float:
    """What `calibration_error` is on the mean where all probabilities are true.

    Few faces alone make one: names are right or wrong, not to .7.

    Args:
        same: (N,) equal for probabilities of one face in several galleries, which are
            right or wrong together: its score hardly depends on who else is there.
    """
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(_DRAWS):
        right = rng.random(int(same.max()) + 1)[same] < probability
        errors.append(calibration_error(probability, right, weights))
    return float(np.mean(errors))
