"""The pairs that an embedder gets most wrong, to be looked at by a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.metrics.pairs import Comparisons, ScoredPairs

# Of a few people with very many pairs, not all are looked through.
_LOOKED_AT = 200_000


@dataclass(frozen=True)
class WorstPair:
    """Two photographs, numbered as in the collection, and their distance."""

    distance: float
    first: int
    second: int


@dataclass(frozen=True)
class WorstPairs:
    """The worst errors of one set.

    Attributes:
        closest_impostors: closest first, one pair of each two people.
        farthest_genuine: farthest first, one pair of each person; pairs with a
            face that was not acquired are not among them.
    """

    closest_impostors: tuple[WorstPair, ...]
    farthest_genuine: tuple[WorstPair, ...]


def worst_pairs(pairs: ScoredPairs, count: int) -> WorstPairs:
    """At most `count` pairs of each kind of error.

    One of each two people, so that a wrong label does not fill the list.
    """
    acquired = int(np.isfinite(pairs.genuine.distances).sum())
    close = int(np.isfinite(pairs.impostor.distances).sum())
    return WorstPairs(
        _first_of_each(pairs.impostor, range(close), count),
        _first_of_each(pairs.genuine, range(acquired - 1, -1, -1), count),
    )


def _first_of_each(
    part: Comparisons, order: range, count: int
) -> tuple[WorstPair, ...]:
    found: dict[frozenset[int], WorstPair] = {}
    for place in order[:_LOOKED_AT]:
        if len(found) == count:
            break
        people = frozenset(part.people[place].tolist())
        if people not in found:
            first, second = part.photos[place].tolist()
            found[people] = WorstPair(float(part.distances[place]), first, second)
    return tuple(found.values())
