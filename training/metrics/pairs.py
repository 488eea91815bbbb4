"""Pairs of two groups of embeddings, as sorted distances with fair weights.

All of them, or a sample of collections that have more than memory and time allow.
"""

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


# However many people there are, each keeps this many genuine pairs.
_LEAST_GENUINE = 16


@dataclass(frozen=True)
class PairBudget:
    """How many comparisons of one set are made, and the random draw that draws them.

    Where there are more, impostors are two people drawn evenly and a photograph
    of each drawn evenly, with replacement: the same rates are estimated as by
    all pairs with people weighted equally. At most half of the budget goes to
    genuine pairs, of which every person then has equally many at most, or
    _LEAST_GENUINE where that is more: so many people exceed a small budget.
    """

    pairs: int
    seed: int


def within_budget(faces: EmbeddedFaces, budget: PairBudget) -> ScoredPairs:
    """`compare_within`, or a sample of its pairs where they exceed the budget."""
    photos = len(faces.people)
    everything = photos * (photos - 1) // 2
    if everything <= budget.pairs:
        return compare_within(faces)
    counts = np.bincount(faces.people)
    genuine = int((counts * (counts - 1) // 2).sum())
    return _sampled(faces, faces, budget, (genuine, everything - genuine))


def between_budget(
    probes: EmbeddedFaces, references: EmbeddedFaces, budget: PairBudget
) -> ScoredPairs:
    """`compare_between`, or a sample of its pairs where they exceed the budget."""
    everything = len(probes.people) * len(references.people)
    if everything <= budget.pairs:
        return compare_between(probes, references)
    size = 1 + max(int(probes.people.max()), int(references.people.max()))
    same = int(
        np.bincount(probes.people, minlength=size)
        @ np.bincount(references.people, minlength=size)
    )
    copies = int(np.isin(probes.photos, references.photos).sum())
    return _sampled(probes, references, budget, (same - copies, everything - same))


def _sampled(
    rows: EmbeddedFaces,
    columns: EmbeddedFaces,
    budget: PairBudget,
    possible: tuple[int, int],
) -> ScoredPairs:
    """Args:
    possible: how many genuine and impostor pairs there are.
    """
    rng = np.random.default_rng(budget.seed)
    lists = _FaceLists.of(rows), _FaceLists.of(columns)
    places = _own_places(*lists, budget.pairs // 2, rows is columns, rng)
    places = places[:, rows.photos[places[0]] != columns.photos[places[1]]]
    people = rows.people[places[0]]
    weights = 1.0 / np.bincount(people)[people]
    genuine = compare_at(rows, columns, places, weights, possible[0])
    # Never less than half: what every person keeps may exceed a small budget.
    wanted = max(budget.pairs - len(people), budget.pairs // 2) if possible[1] else 0
    places = _impostor_places(*lists, wanted, rng)
    # Two people come up as often as any other two, so every draw counts once.
    impostor = compare_at(rows, columns, places, np.ones(wanted), possible[1])
    return ScoredPairs(genuine, impostor)


@dataclass(frozen=True, eq=False)
class _FaceLists:
    """Where the faces of each person are: order[starts[i] : starts[i] + counts[i]].

    Attributes:
        people: (P,) who has a face, ascending; i counts along it.
    """

    people: Places
    order: Places
    starts: Places
    counts: Places

    @classmethod
    def of(cls, faces: EmbeddedFaces) -> _FaceLists:
        """The lists of a group of faces."""
        order = np.argsort(faces.people, kind="stable")
        people, starts, counts = np.unique(
            faces.people[order], return_index=True, return_counts=True
        )
        return cls(people.astype(np.int64), order, starts, counts)

    def places(self, person: int) -> Places:
        """The faces of the i-th person."""
        start = self.starts[person]
        return self.order[start : start + self.counts[person]]

    def drawn(self, persons: Places, rng: np.random.Generator) -> Places:
        """One face of each of these, evenly."""
        steps = rng.integers(self.counts[persons])
        return np.asarray(self.order[self.starts[persons] + steps])


def _own_places(
    rows: _FaceLists,
    columns: _FaceLists,
    budget: int,
    within: bool,
    rng: np.random.Generator,
) -> Places:
    """(2, G) faces of one person each; copies of one photograph are among them."""
    _, left, right = np.intersect1d(rows.people, columns.people, return_indices=True)
    tables = rows.counts[left] * columns.counts[right]
    limit = max(_LEAST_GENUINE, budget // max(1, len(tables)))
    if tables.sum() <= budget:
        limit = int(tables.max(initial=0))
    drawn = [np.empty((2, 0), np.int64)]
    for one, other, table in zip(left, right, tables, strict=True):
        first, second = rows.places(one), columns.places(other)
        if table > limit:
            drawn.append(
                np.stack([rng.choice(first, limit), rng.choice(second, limit)])
            )
            continue
        row, column = np.repeat(first, len(second)), np.tile(second, len(first))
        once = row < column if within else np.ones(len(row), dtype=bool)
        drawn.append(np.stack([row[once], column[once]]))
    return np.concatenate(drawn, axis=1)


def _impostor_places(
    rows: _FaceLists, columns: _FaceLists, wanted: int, rng: np.random.Generator
) -> Places:
    """(2, wanted) faces of two people each, every two people equally likely."""
    drawn, found = [np.empty((2, 0), np.int64)], 0
    while found < wanted:
        # Some draws are of one person; a few more than missing save a round.
        count = (wanted - found) * 11 // 10 + 16
        row = rng.integers(len(rows.people), size=count)
        column = rng.integers(len(columns.people), size=count)
        two = rows.people[row] != columns.people[column]
        places = rows.drawn(row[two], rng), columns.drawn(column[two], rng)
        drawn.append(np.stack(places))
        found += int(two.sum())
    return np.concatenate(drawn, axis=1)[:, :wanted]
