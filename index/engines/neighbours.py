"""What a search answers, and the protocol that all of them follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from index.engines.templates import Int64, Templates
from masking.errors import BadRecord
from masking.landmarks import Float32


@dataclass(frozen=True)
class Neighbour:
    """A person, by number, and the Euclidean distance to one of their templates.

    Attributes:
        masked: whether the template is the one for masked faces.
    """

    person_id: int
    distance: float
    masked: bool = False


class NeighbourSearch(Protocol):
    """Anything that finds the nearest people."""

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """The k people nearest to a (D,) query, with all of their templates.

        A person with an unmasked and a masked template is listed twice; the nearer one
        decides who the k are. The nearest comes first, and of two at the same
        distance the one with the lower number, enrolled earlier. Fewer when there
        are fewer people.

        Raises:
            BadRecord: a query of another length or with numbers that are not finite.
        """


def ranked(
    templates: Templates, rows: Int64, query: Float32, k: int
) -> list[Neighbour]:
    """The k nearest people among the owners of some rows, by exact distances."""
    order = np.lexsort((templates.person_ids[rows], _distances(templates, rows, query)))
    owners = templates.person_ids[rows][order]
    _, first = np.unique(owners, return_index=True)
    people = owners[np.sort(first)[:k]]
    rows = templates.rows_of(people)
    found = [
        Neighbour(int(person), float(distance), bool(masked))
        for person, distance, masked in zip(
            templates.person_ids[rows],
            _distances(templates, rows, query),
            templates.masked[rows],
            strict=True,
        )
    ]
    return in_order(found)


def in_order(found: list[Neighbour]) -> list[Neighbour]:
    """Neighbours as `nearest` lists them."""
    return sorted(found, key=lambda n: (n.distance, n.person_id, n.masked))


def first_people(found: list[Neighbour], k: int) -> list[Neighbour]:
    """The entries of the k people who come first in an ordered list."""
    people = list(dict.fromkeys(neighbour.person_id for neighbour in found))
    kept = frozenset(people[:k])
    return [neighbour for neighbour in found if neighbour.person_id in kept]


def checked_query(query: Float32, dimension: int) -> Float32:
    """The query as float32.

    Raises:
        BadRecord: of another length, or not finite.
    """
    if query.shape != (dimension,) or not np.isfinite(query).all():
        raise BadRecord(
            f"a face's embedding must be {dimension} finite numbers, got shape "
            f"{query.shape}. The photo or the model is damaged; try another of either."
        )
    return np.asarray(query, dtype=np.float32)


def _distances(templates: Templates, rows: Int64, query: Float32) -> Float32:
    return np.asarray(np.linalg.norm(templates.matrix[rows] - query, axis=1))
