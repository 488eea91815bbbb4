"""Comparisons of collections that have more pairs than memory and time allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.metrics.pairs import (
    Places,
    ScoredPairs,
    compare_at,
    compare_between,
    compare_within,
)
from training.metrics.score_normalization import EmbeddedFaces

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
