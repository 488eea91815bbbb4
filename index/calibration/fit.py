"""Fits a calibration: how near impostors come, and how likely matches are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from index.calibration.calibration import MIN_MATED_PEOPLE, Calibration
from index.calibration.impostors import (
    BestMatches,
    Comparisons,
    MeanFaces,
    best_matches,
    compare,
    name_gap,
)
from index.calibration.probabilities import MatchProbability, fit_probability
from index.calibration.template_size import measured_spread
from index.calibration.thresholds import Thresholds, extended, measure
from masking.errors import InvalidConfig
from training.metrics.pairs import EmbeddedFaces

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
