"""All pairs of two groups of embeddings, as sorted distances with fair weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from training.metrics.score_normalization import (
    EmbeddedFaces,
    Indices,
    offset_distances,
    paired_distances,
)

Float64 = NDArray[np.float64]
Places = NDArray[np.int64]
# Rows of the distance matrix that are worked on at once: a few tens of MB.
BLOCK_ROWS = 512
# Listed pairs worked on at once: two gathered tables of 32 MB.
_CHUNK = 65_536


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Comparisons of one kind, genuine or impostor, closest first.

    Attributes:
        distances: (P,) float32, ascending, lower is closer. Infinite where a
            face was not acquired, so that no threshold accepts the pair.
        weights: (P,) float64 >= 0, same order; only ratios matter.
        people: (P, 2) int32, the two people, same order.
        photos: (P, 2) int32, the photograph of each of the two.
        possible: how many comparisons there are; more than P = a sample.
    """

    distances: Float32
    weights: Float64
    people: Indices
    photos: Indices
    possible: int

    @cached_property
    def cumulative(self) -> Float64:
        """(P + 1,) float64: weight of the k closest comparisons, k = 0 .. P."""
        return np.concatenate([[0.0], np.cumsum(self.weights)])

    def accepted(self, thresholds: Float32) -> Float64:
        """Fraction of the weight whose distance <= each threshold, in [0, 1]."""
        count = np.searchsorted(self.distances, thresholds, side="right")
        return np.asarray(self.cumulative[count] / self.cumulative[-1])


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Genuine (same person) and impostor (two people) comparisons of one set."""

    genuine: Comparisons
    impostor: Comparisons

    @property
    def comparable(self) -> bool:
        """Both kinds are there, so that error rates exist."""
        return bool(len(self.genuine.distances) and len(self.impostor.distances))


def sorted_comparisons(
    distances: Float32,
    weights: Float64,
    people: Indices,
    photos: Indices,
    possible: int | None = None,
) -> Comparisons:
    """Comparisons in ascending order of distance; equal ones in any order.

    Args:
        possible: None = these are all.
    """
    order = np.argsort(distances)
    return Comparisons(
        distances[order],
        weights[order],
        people[order],
        photos[order],
        len(order) if possible is None else possible,
    )


def compare_within(faces: EmbeddedFaces) -> ScoredPairs:
    """Every unordered pair of different photographs of one group (U-U, M-M).

    Weights: a genuine pair 1 / (pairs of that person), an impostor pair
    1 / (pairs of these two people): each person, and each pair of people, counts
    once however many photographs there are. One person has 58% of LFW's genuine
    pairs.
    """
    return _compare(faces, faces, within=True)


def compare_between(probes: EmbeddedFaces, references: EmbeddedFaces) -> ScoredPairs:
    """Every probe with every reference, except copies of one photograph (M-U).

    Weights as in `compare_within`, where (a, b) and (b, a) are two pairs of
    people: a is masked in one and b in the other.
    """
    return _compare(probes, references, within=False)


def _compare(rows: EmbeddedFaces, columns: EmbeddedFaces, within: bool) -> ScoredPairs:
    nothing = np.empty(0, np.int32)
    parts: list[tuple[Float32, Indices, Indices]] = [
        (np.empty(0, np.float32), nothing, nothing)
    ]
    for start in range(0, len(rows.people), BLOCK_ROWS):
        block = np.arange(start, min(start + BLOCK_ROWS, len(rows.people)))
        wanted = rows.photos[block][:, None] != columns.photos[None, :]
        if within:
            wanted &= np.arange(len(columns.people))[None, :] > block[:, None]
        distances = offset_distances(
            rows.embeddings[block],
            columns.embeddings,
            rows.offsets[block],
            columns.offsets,
        )
        row, column = (places.astype(np.int32) for places in np.nonzero(wanted))
        parts.append((distances[row, column], row + np.int32(start), column))
    distances = np.concatenate([part[0] for part in parts])
    row = np.concatenate([part[1] for part in parts])
    column = np.concatenate([part[2] for part in parts])
    del parts
    people = np.stack([rows.people[row], columns.people[column]], axis=1)
    photos = np.stack([rows.photos[row], columns.photos[column]], axis=1)
    same = people[:, 0] == people[:, 1]
    genuine, impostor = (
        _weighted(distances[chosen], people[chosen], photos[chosen], not within)
        for chosen in (same, ~same)
    )
    return ScoredPairs(genuine, impostor)


def _weighted(
    distances: Float32, people: Indices, photos: Indices, ordered: bool
) -> Comparisons:
    """Comparisons in which every pair of people has weight 1 in total.

    Args:
        ordered: the pairs of people (a, b) and (b, a) are two.
    """
    # Numbered afresh, because the table of counts is as large as the square of
    # the largest number.
    present = np.flatnonzero(np.bincount(people.ravel()))
    renumbered = np.zeros(int(present.max(initial=0)) + 1, np.int64)
    renumbered[present] = np.arange(len(present))
    first, second = renumbered[people[:, 0]], renumbered[people[:, 1]]
    if not ordered:
        first, second = np.minimum(first, second), np.maximum(first, second)
    keys = first * len(present) + second
    weights = 1.0 / np.bincount(keys)[keys]
    return sorted_comparisons(distances, weights, people, photos)


def compare_at(
    rows: EmbeddedFaces,
    columns: EmbeddedFaces,
    places: Places,
    weights: Float64,
    possible: int | None = None,
) -> Comparisons:
    """The comparisons of given faces.

    Args:
        places: (2, P) places in `rows` and in `columns`.
        weights: (P,) of the comparisons.
        possible: see `sorted_comparisons`.
    """
    row, column = places
    distances = np.empty(len(row), dtype=np.float32)
    for start in range(0, len(row), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        distances[chunk] = paired_distances(
            rows.embeddings[row[chunk]],
            columns.embeddings[column[chunk]],
            rows.offsets[row[chunk]] + columns.offsets[column[chunk]],
        )
    people = np.stack([rows.people[row], columns.people[column]], axis=1)
    photos = np.stack([rows.photos[row], columns.photos[column]], axis=1)
    return sorted_comparisons(distances, weights, people, photos, possible)
