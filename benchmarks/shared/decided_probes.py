"""Probes decided by a policy, and the rates of right and wrong names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.calibration.calibration import Calibration
from index.calibration.decision import DecisionPolicy, MeanFaces
from index.calibration.fit import calibration_error
from index.engines.neighbours import Neighbour
from training.embedders.mask_classifier import MaskState
from training.metrics.score_normalization import EmbeddedFaces, Indices, offset_squares

Bools = NDArray[np.bool_]
Float64 = NDArray[np.float64]

# What a search gives the policy.
_CANDIDATES = 50
_LOST = -1


@dataclass(frozen=True, eq=False)
class Probes:
    """Faces to identify.

    Attributes:
        faces: one row a probe; NaN rows were not acquired.
        states: of each, what the mask-state model says; any for rows not acquired.
    """

    faces: EmbeddedFaces
    states: list[MaskState]


@dataclass(frozen=True, eq=False)
class Decided:
    """What became of each probe, (N,) each.

    Attributes:
        best: person of the best match, -1 when the face was not acquired, -2 = one of
            those who fill up the gallery.
        named: whether the best was accepted, alone or with others.
        probability: that the best is right; NaN when none is given.
        people: who it is.
    """

    best: Indices
    named: Bools
    probability: Float64
    people: Indices

    @property
    def weights(self) -> Float64:
        """(N,) of the probes: each person counts once."""
        return np.asarray(1 / np.bincount(self.people)[self.people])

    def fraction(self, chosen: Bools) -> float:
        """Fraction of a part, people weighted equally."""
        return float(self.weights @ chosen / self.weights.sum())


class Templates(NamedTuple):
    """One row a person.

    Attributes:
        people: (T,) int32, their numbers.
        unmasked: the means of their acquired faces.
        masked_references: likewise, for masked faces.
        only_masked: these people have no unmasked photo; `masked_references` holds
            the means of their masked ones.
    """

    people: Indices
    unmasked: MeanFaces
    masked_references: MeanFaces
    only_masked: bool = False

    def joined(self, other: Templates) -> Templates:
        """These and others."""
        return Templates(
            np.concatenate([self.people, other.people]),
            MeanFaces.joined([self.unmasked, other.unmasked]),
            MeanFaces.joined([self.masked_references, other.masked_references]),
            self.only_masked,
        )


def mean_templates(
    faces: EmbeddedFaces, references: EmbeddedFaces, only_masked: bool = False
) -> Templates:
    """The templates of each person with an acquired face.

    Args:
        references: the same faces as masked ones are compared with them.
        only_masked: all of these faces wear masks.
    """
    acquired = faces.acquired
    people, places = np.unique(faces.people[acquired], return_inverse=True)
    unmasked, under = (
        MeanFaces.of(part[acquired], places, len(people))
        for part in (faces, references)
    )
    return Templates(people, unmasked, under, only_masked)


def decide_all(
    probes: Probes,
    templates: Templates,
    calibration: Calibration,
    fpir: float,
    as_impostors: bool,
) -> Decided:
    """Decide on every probe.

    Args:
        calibration: of the embedder.
        fpir: fraction of impostors that may be given a name.
        as_impostors: leave the template of each probe's own person out.
    """
    faces = probes.faces
    best = np.full(len(faces.people), _LOST, dtype=np.int32)
    named, probability = best > 0, np.full(len(best), np.nan)
    owners, unmasked, references = templates[:3]
    worn = np.array([state.is_masked for state in probes.states], dtype=bool)
    away = offset_squares(
        faces.embeddings, unmasked.matrix, faces.offsets, unmasked.offsets
    )
    # Who has no unmasked photo is compared as masked with everybody.
    under = worn | templates.only_masked
    away[under] = offset_squares(
        faces.embeddings[under],
        references.matrix,
        faces.offsets[under],
        references.offsets,
    )
    if as_impostors:
        away[faces.people[:, None] == owners] = np.inf
    # By number of the row, because those who fill up a gallery share one.
    counts = {
        (row, masked): int(n)
        for row, n in enumerate(unmasked.photos)
        for masked in (False, True)
    }
    policy = DecisionPolicy(
        calibration, True, len(owners), fpir, photo_counts=lambda people: counts
    )
    several = min(_CANDIDATES, len(owners))
    nearest = np.argpartition(away, several - 1, axis=1)[:, :several]
    names = dict.fromkeys(range(len(owners)), "")
    for row in np.flatnonzero(faces.acquired):
        found = [
            Neighbour(int(i), float(away[row, i]), bool(under[row]))
            for i in nearest[row]
        ]
        decided = policy.decide(found, names, probes.states[row])
        best[row] = owners[decided.matches[0].person_id]
        named[row] = bool(decided.names)
        if decided.probability is not None:
            probability[row] = decided.probability
    return Decided(best, named, probability, faces.people)


@dataclass(frozen=True)
class OpenSetFigures:
    """Rates of one kind of probe in galleries of one size.

    Attributes:
        network: name of the embedder.
        probes: "unmasked" or "masked".
        gallery: people in it.
        rank_1: fraction of the gallery's people whose right name comes first.
        tpir: fraction of them who are named rightly; a face that was not found counts
            as missed, here and in rank_1.
        fpir: fraction of impostors who are given some name.
        impostors, mated: how many people were measured.
        calibration_error: of the probabilities, impostors and others half each.
        not_found: fraction of the photographs in which no face was found.
    """

    network: str
    probes: str
    gallery: int
    rank_1: float
    tpir: float
    fpir: float
    impostors: int
    mated: int
    calibration_error: float
    not_found: float


def figures(
    network: str, kind: str, gallery: int, known: Decided, impostors: Decided
) -> OpenSetFigures:
    """Rates of people of the gallery and of impostors."""
    right = known.best == known.people
    parts = [(known, right), (impostors, np.zeros(len(impostors.best), dtype=bool))]
    lost = np.concatenate([known.best, impostors.best]) == _LOST
    error = _calibration_error(parts)
    return OpenSetFigures(
        network,
        kind,
        gallery,
        known.fraction(right),
        known.fraction(right & known.named),
        impostors.fraction(impostors.named),
        len(np.unique(impostors.people)),
        len(np.unique(known.people)),
        error,
        float(lost.mean()),
    )


def _calibration_error(parts: Sequence[tuple[Decided, Bools]]) -> float:
    """Of all parts together, each with the same weight; NaN without probabilities."""
    values, truths, weights = [], [], []
    for part, truth in parts:
        given = np.isfinite(part.probability)
        values.append(part.probability[given])
        truths.append(truth[given])
        weights.append(part.weights[given] / max(part.weights[given].sum(), 1e-9))
    if not sum(map(len, values)):
        return float("nan")
    return calibration_error(
        np.concatenate(values), np.concatenate(truths), np.concatenate(weights)
    )
