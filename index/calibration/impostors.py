"""Held-out faces against templates: impostors, and people who come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.calibration.probabilities import Float64
from index.calibration.template_size import as_single
from index.calibration.thresholds import Thresholds, sizes_up_to
from masking.landmarks import Float32
from training.metrics.pairs import EmbeddedFaces, Indices
from training.metrics.score_normalization import offset_distances, paired_distances

Int64 = NDArray[np.int64]

_SMALLEST_GALLERY = 10
# Infinity does for all that is not there, except where two are subtracted.
_FAR = 1e3


@dataclass(frozen=True, eq=False)
class ImpostorDistances:
    """How far probes are from the templates of everybody else.

    Attributes:
        values: (S, T) float32, infinite where a template is the probe's own person;
            as if all templates were of one photo.
        own: (S,) float32 distance to the mean of the person's other photos, likewise;
            infinite where there is none.
        weights: (S,) float64; each person's sum to 1.
    """

    values: Float32
    own: Float32
    weights: Float64


@dataclass(frozen=True, eq=False)
class MeanFaces:
    """Templates: means of the photos of one person each.

    Attributes:
        matrix: (T, D) float32.
        photos: (T,) int64, in each of them.
        offsets: (T,) mean of theirs, see `index.engines.normalised_vectors`.
    """

    matrix: Float32
    photos: Int64
    offsets: Float64

    def __getitem__(self, chosen: Int64 | NDArray[np.bool_]) -> MeanFaces:
        return MeanFaces(self.matrix[chosen], self.photos[chosen], self.offsets[chosen])

    @staticmethod
    def joined(parts: Sequence[MeanFaces]) -> MeanFaces:
        """Those of several, one after the other."""
        return MeanFaces(
            np.concatenate([part.matrix for part in parts]),
            np.concatenate([part.photos for part in parts]),
            np.concatenate([part.offsets for part in parts]),
        )

    @staticmethod
    def of(faces: EmbeddedFaces, places: Int64, count: int) -> MeanFaces:
        """The means of faces; zeros where there is none.

        Args:
            faces: N acquired ones.
            places: (N,) row that each counts in.
            count: T.
        """
        photos = np.bincount(places, minlength=count)
        divisors = np.maximum(photos, 1)
        sums = np.zeros((count, faces.embeddings.shape[1]))
        np.add.at(sums, places, faces.embeddings)
        offsets = np.bincount(places, faces.offsets, count)
        return MeanFaces(
            (sums / divisors[:, None]).astype(np.float32), photos, offsets / divisors
        )


def impostor_distances(
    probes: EmbeddedFaces,
    templates: EmbeddedFaces,
    others: MeanFaces,
    spread: float,
) -> ImpostorDistances:
    """Compare probes with the means of held-out people and with further templates.

    Args:
        probes: acquired faces.
        templates: acquired faces whose means are the templates of these people.
        others: of people who are not among the probes.
        spread: makes templates comparable, see `template_size.as_single`.
    """
    people, places = np.unique(templates.people, return_inverse=True)
    held_out = MeanFaces.of(templates, places, len(people))
    everybody = MeanFaces.joined([others, held_out])
    values = offset_distances(
        probes.embeddings, everybody.matrix, probes.offsets, everybody.offsets
    )
    values = as_single(values, everybody.photos, spread)
    mine = probes.people[:, None] == people
    values[:, len(others.photos) :][mine] = np.inf
    fractions = 1 / np.bincount(probes.people)[probes.people]
    own, left = _own(probes, templates)
    return ImpostorDistances(values, as_single(own, left, spread), fractions)


def _own(probes: EmbeddedFaces, templates: EmbeddedFaces) -> tuple[Float32, Int64]:
    """(S,) distances to the mean of the same person's other photos; how many these are.

    Without other photos the distance is infinite and the number 1.
    """
    rests = np.full(probes.embeddings.shape, np.nan, dtype=np.float32)
    photos = np.ones(len(rests), dtype=np.int64)
    offsets = probes.offsets.copy()
    for row, (person, photo) in enumerate(
        zip(probes.people, probes.photos, strict=True)
    ):
        rest = (templates.people == person) & (templates.photos != photo)
        if rest.any():
            rests[row] = templates.embeddings[rest].mean(axis=0, dtype=np.float64)
            offsets[row] += templates.offsets[rest].mean()
            photos[row] = rest.sum()
    return paired_distances(probes.embeddings, rests, offsets), photos


@dataclass(frozen=True, eq=False)
class BestMatches:
    """Best matches of probes in galleries of several sizes, (N,) each.

    Attributes:
        closeness: threshold for FPIR 1% less the distance of the best.
        margin: how much farther the second is.
        right: whether the best is the right person.
        weights: impostors and people of the gallery have half each.
        mated_people: people who have photos to be found by.
    """

    closeness: Float64
    margin: Float64
    right: NDArray[np.bool_]
    weights: Float64
    mated_people: int


def best_matches(
    distances: ImpostorDistances, people: Indices, thresholds: Thresholds, seed: int
) -> BestMatches:
    """Identify every probe in random parts of the templates: as an impostor, and
    again, where the person has other photos, as one of the gallery's people.

    Args:
        people: (S,) of the probes.
        thresholds: give the threshold for FPIR 1% of each size.
    """
    rng = np.random.default_rng(seed)
    count = distances.values.shape[1]
    sizes = [size for size in sizes_up_to(count) if size >= _SMALLEST_GALLERY]
    parts: list[tuple[Float64, Float64, NDArray[np.bool_], Float64]] = []
    mated = np.isfinite(distances.own)
    for size in sizes or [count]:
        limit = thresholds.threshold(size, 0.01)
        drawn = rng.random(distances.values.shape) * count < size
        nearest = np.where(drawn, distances.values, _FAR)
        first, second = np.partition(nearest, 1, axis=1)[:, :2].T.astype(np.float64)
        others = first < _FAR
        parts.append(
            (
                (limit - first)[others],
                (second - first)[others],
                np.zeros(int(others.sum()), dtype=bool),
                distances.weights[others] / distances.weights[others].sum(),
            )
        )
        if not mated.any():
            continue
        own = distances.own[mated].astype(np.float64)
        best = np.minimum(own, first[mated])
        runner_up = np.where(
            own < first[mated], first[mated], np.minimum(own, second[mated])
        )
        fractions = distances.weights[mated]
        parts.append(
            (
                limit - best,
                runner_up - best,
                own < first[mated],
                fractions / fractions.sum(),
            )
        )
    closeness, margin, right, weights = (
        np.concatenate(columns) for columns in zip(*parts, strict=True)
    )
    return BestMatches(closeness, margin, right, weights, len(np.unique(people[mated])))
