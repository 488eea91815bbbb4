"""What a search answers, and the protocol that all of them follow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.engines.templates import Bools, Int64, Templates
from masking.errors import BadRecord
from masking.landmarks import Float32


@dataclass(frozen=True)
class Neighbour:
    """A person, by number, and how far one of their templates is.

    Attributes:
        square: squared Euclidean distance of what is searched; after
            `normalised_vectors.normalised_neighbours` the normalised one, which may
            be negative. Never rounded or cut: it orders neighbours.
        masked: whether the template is the one for masked faces.
        last: the template's last coordinate.
        offset: what score normalisation added to `square`.
    """

    person_id: int
    square: float
    masked: bool = False
    last: float = field(default=0.0, compare=False)
    offset: float = field(default=0.0, compare=False)

    @property
    def distance(self) -> float:
        """The plain Euclidean distance, without score normalisation."""
        return math.sqrt(max(0.0, self.square - self.offset))


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
    squares = squares_to(templates.matrix[rows], query)
    order = np.lexsort((templates.person_ids[rows], squares))
    owners = templates.person_ids[rows][order]
    _, first = np.unique(owners, return_index=True)
    people = owners[np.sort(first)[:k]]
    rows = templates.rows_of(people)
    vectors = templates.matrix[rows]
    return neighbours(
        templates.person_ids[rows], templates.masked[rows], vectors, query
    )


def neighbours(
    person_ids: Int64, masked: Bools, vectors: Float32, query: Float32
) -> list[Neighbour]:
    """Templates by (n,) owners, (n,) kinds and (n, L) vectors, as `nearest` lists."""
    squares = squares_to(vectors, query)
    columns = person_ids, squares, masked, vectors[:, -1]
    found = [
        Neighbour(int(person), float(square), bool(worn), float(last))
        for person, square, worn, last in zip(*columns, strict=True)
    ]
    return in_order(found)


def in_order(found: list[Neighbour]) -> list[Neighbour]:
    """Neighbours as `nearest` lists them."""
    return sorted(found, key=lambda n: (n.square, n.person_id, n.masked))


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


def squares_to(vectors: Float32, query: Float32) -> NDArray[np.float64]:
    """(n,) squared distances of (n, L) vectors to (L,), exact to the last digit."""
    apart = vectors.astype(np.float64) - query
    return np.asarray(np.einsum("ij,ij->i", apart, apart))
