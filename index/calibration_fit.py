"""Fits a calibration: how near strangers come, and how likely matches are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.calibration import STATES, Calibration
from index.photo_counts import measured_spread
from index.probabilities import MatchProbability, fit_probability
from index.stranger_distances import (
    OtherTemplates,
    StrangerDistances,
    best_matches,
    stranger_distances,
)
from index.thresholds import Thresholds, extended, measure
from masking.errors import InvalidConfig
from training.comparisons import EmbeddedFaces

# Fewer say nothing about one stranger in a hundred.
MIN_PAIRS = 1000
# People with several photos, below which no probability is given.
MIN_MATED_PEOPLE = 20
# More templates cost memory and hardly change what is extrapolated from them.
_MOST_TEMPLATES = 10_000
# Fewer templates of masked photos are left to the reference.
_FEWEST_TEMPLATES = 10
_SEED = 1


class TooFewStrangers(InvalidConfig):
    """Nothing can be said about one stranger in a hundred."""


@dataclass(frozen=True, eq=False)
class HeldOutFaces:
    """People whom neither the embedder nor the gallery was made of.

    Attributes:
        bare: their unmasked faces.
        masked: their masked faces, real or painted; `photos` as in `bare` where a
            mask was painted on the same photograph. Several masks a photo may be
            given.
    """

    bare: EmbeddedFaces
    masked: EmbeddedFaces


def fit_calibration(
    held_out: HeldOutFaces,
    others: OtherTemplates,
    source: str,
    reference: Calibration | None,
) -> Calibration:
    """The calibration of the embedder that made all these embeddings.

    Thresholds are measured on each held-out person's faces against the templates of
    everybody else. For probabilities the other photos of the same person make the
    template that is right.

    Args:
        others: plain templates of more people, none of them held out; may be empty.
        source: what the faces are, one line.
        reference: gives its shape where too little was measured: large galleries,
            rare false positives, templates of masked photos.

    Raises:
        TooFewStrangers: fewer than MIN_PAIRS comparisons of strangers.
    """
    bare = held_out.bare[held_out.bare.acquired]
    masked = held_out.masked[held_out.masked.acquired]
    if len(others.photos) > _MOST_TEMPLATES:
        chosen = np.random.default_rng(_SEED).permutation(len(others.photos))
        others = others[np.sort(chosen[:_MOST_TEMPLATES])]
    spread = {
        kind: _spread(bare, templates, reference, kind)
        for kind, templates in zip(STATES, (bare, masked), strict=True)
    }
    tables: dict[str, Thresholds] = {}
    probability: dict[str, MatchProbability] = {}
    nobody = others[np.arange(0)]
    for state, probes in zip(STATES, (bare, masked), strict=True):
        plain = stranger_distances(probes, bare, others, spread["bare"])
        _check(plain)
        tables[f"{state}-bare"] = _table(plain, reference, f"{state}-bare")
        covered = stranger_distances(probes, masked, nobody, spread["masked"])
        # Few masked templates: the curve of the bare ones goes on for them.
        tables[f"{state}-masked"] = _table(
            covered, reference, f"{state}-masked", tables[f"{state}-bare"]
        )
        matches = best_matches(plain, probes.people, tables[f"{state}-bare"], _SEED)
        if matches.mated_people >= MIN_MATED_PEOPLE:
            probability[state] = fit_probability(
                matches.closeness, matches.margin, matches.right, matches.weights
            )
    people = len(np.unique(np.concatenate([bare.people, masked.people])))
    return Calibration(tables, spread, probability, people, source)


def _spread(
    probes: EmbeddedFaces,
    templates: EmbeddedFaces,
    reference: Calibration | None,
    kind: str,
) -> float:
    measured = measured_spread(probes, templates)
    if measured is None:
        return reference.spread[kind] if reference else 0.0
    return measured


def _check(distances: StrangerDistances) -> None:
    pairs = int(np.isfinite(distances.values).sum())
    if pairs < MIN_PAIRS:
        raise TooFewStrangers(
            f"a calibration needs {MIN_PAIRS:,} pairs of a stranger and somebody else, "
            f"got {pairs:,}. Give more people."
        )


def _table(
    distances: StrangerDistances,
    reference: Calibration | None,
    pair: str,
    shape: Thresholds | None = None,
) -> Thresholds:
    known = reference.thresholds[pair] if reference else shape
    templates = int(np.isfinite(distances.values).any(axis=0).sum())
    if known is not None and templates < _FEWEST_TEMPLATES:
        return known
    return extended(measure(distances.values, distances.weights), known)
