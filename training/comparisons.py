"""All pairs of two groups of embeddings, as sorted distances with fair weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32

Float64 = NDArray[np.float64]
Indices = NDArray[np.int32]
# Rows of the distance matrix that are worked on at once: a few tens of MB.
BLOCK_ROWS = 512


@dataclass(frozen=True, eq=False)
class EmbeddedFaces:
    """Faces to compare, one row each.

    Attributes:
        embeddings: (N, D) float32; NaN in the rows of faces not acquired.
        people: (N,) int32, number of the person.
        photos: (N,) int32, number of the photograph. A painted copy has the
            number of its original, and the two are never compared.
    """

    embeddings: Float32
    people: Indices
    photos: Indices

    @property
    def acquired(self) -> NDArray[np.bool_]:
        """(N,) bool: the face has an embedding."""
        return np.asarray(np.isfinite(self.embeddings).all(axis=1))

    def __getitem__(self, chosen: NDArray[np.bool_]) -> EmbeddedFaces:
        return EmbeddedFaces(
            self.embeddings[chosen], self.people[chosen], self.photos[chosen]
        )


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Comparisons of one kind, genuine or impostor, closest first.

    Attributes:
        distances: (P,) float32, ascending, lower is closer. Infinite where a
            face was not acquired, so that no threshold accepts the pair.
        weights: (P,) float64 >= 0, same order; only ratios matter.
        people: (P, 2) int32, the two people, same order.
    """

    distances: Float32
    weights: Float64
    people: Indices

    @cached_property
    def cumulative(self) -> Float64:
        """(P + 1,) float64: weight of the k closest comparisons, k = 0 .. P."""
        return np.concatenate([[0.0], np.cumsum(self.weights)])

    def accepted(self, thresholds: Float32) -> Float64:
        """Share of the weight whose distance <= each threshold, in [0, 1]."""
        count = np.searchsorted(self.distances, thresholds, side="right")
        return np.asarray(self.cumulative[count] / self.cumulative[-1])


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Genuine (same person) and impostor (two people) comparisons of one set."""

    genuine: Comparisons
    impostor: Comparisons


def sorted_comparisons(
    distances: Float32, weights: Float64, people: Indices
) -> Comparisons:
    """Comparisons in ascending order of distance; equal ones in any order."""
    order = np.argsort(distances)
    return Comparisons(distances[order], weights[order], people[order])


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
    parts: list[tuple[Float32, NDArray[np.int64], NDArray[np.int64]]] = []
    for start in range(0, len(rows.people), BLOCK_ROWS):
        block = np.arange(start, min(start + BLOCK_ROWS, len(rows.people)))
        wanted = rows.photos[block][:, None] != columns.photos[None, :]
        if within:
            wanted &= np.arange(len(columns.people))[None, :] > block[:, None]
        distances = euclidean(rows.embeddings[block], columns.embeddings)
        row, column = np.nonzero(wanted)
        parts.append((distances[row, column], block[row], column))
    if not parts:
        parts = [(np.empty(0, np.float32), np.empty(0, int), np.empty(0, int))]
    all_distances = np.concatenate([part[0] for part in parts])
    people = np.empty((len(all_distances), 2), dtype=np.int32)
    people[:, 0] = np.concatenate([rows.people[part[1]] for part in parts])
    people[:, 1] = np.concatenate([columns.people[part[2]] for part in parts])
    if within:
        people.sort(axis=1)
    same = people[:, 0] == people[:, 1]
    return ScoredPairs(
        _weighted(all_distances[same], people[same]),
        _weighted(all_distances[~same], people[~same]),
    )


def _weighted(distances: Float32, people: Indices) -> Comparisons:
    """Comparisons in which every pair of people has weight 1 in total."""
    span = int(people.max(initial=0)) + 1
    keys = people[:, 0].astype(np.int64) * span + people[:, 1]
    # Not longer than the comparisons are many, as every pair of people has one.
    counts = np.bincount(keys)
    weights = 1.0 / counts[keys]
    return sorted_comparisons(distances, weights, people)


def euclidean(rows: Float32, columns: Float32) -> Float32:
    """(N, D) and (M, D) to (N, M) float32 distances; infinite where a row is NaN."""
    # |a - b|^2 = |a|^2 + |b|^2 - 2ab cancels for close pairs: float64 keeps seven
    # digits of the distance where float32 keeps three.
    left, right = rows.astype(np.float64), columns.astype(np.float64)
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    squares -= 2 * left @ right.T
    distances: Float32 = np.sqrt(np.maximum(squares, 0)).astype(np.float32)
    distances[~np.isfinite(distances)] = np.inf
    return distances
