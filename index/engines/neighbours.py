"""What is searched and answered, the protocol of all searches, and the exact one.

Distances are score-normalised without an engine knowing of it. With offsets o of both
(see `training.metrics.score_normalization`) the squared distance of a probe x and a
template y is |x - y|^2 + o(x) + o(y). Of one probe, o(x) is the same for everybody, and
o(y) becomes one more coordinate: y' = (y, sqrt(o(y) + m)) and x' = (x, 0) are
|x - y|^2 + o(y) + m apart, for any m that keeps the root real. So exact search, Annoy
and Milvus search as without a cohort and find who is nearest.

A template is the mean of photos, and so is its offset: that of the mean itself would
tell how many photos there are, as the mean of many lies near to everybody, more than
where the person is. Among 600 people held out of training it would name .53 of masked
probes rightly at FPIR 1% instead of .55.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord
from masking.landmarks import Float32
from training.metrics.score_normalization import Cohort, Float64

Int64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Which templates are wanted.
ALL, UNMASKED, MASKED = "all", "unmasked", "masked"


@dataclass(frozen=True, eq=False)
class Templates:
    """What is searched: up to two rows a person, the one for unmasked faces first.

    A mask moves an embedding, so there is a template for unmasked faces, the mean of
    the unmasked photos, and one for masked faces: the mean of the masked photos and of
    the unmasked ones' masked references (`training.embedders.embedded_face`).

    Attributes:
        gallery_id: the gallery that they were made from.
        version: that gallery's counter of changes at the time.
        person_ids: (R,) int64, ascending, read-only; twice for a person with both.
        masked: (R,) bool, read-only: whether the row is for masked faces.
        matrix: (R, L) float32, read-only, as `normalised` makes them; L is D without a
            cohort.
    """

    gallery_id: str
    version: int
    person_ids: Int64
    masked: Bools
    matrix: Float32

    def __post_init__(self) -> None:
        rows = len(self.person_ids)
        if self.matrix.ndim != 2 or not len(self.matrix) == len(self.masked) == rows:
            raise ValueError(
                f"{rows} owners, {len(self.masked)} kinds, matrix {self.matrix.shape}"
            )
        for array in (self.person_ids, self.masked, self.matrix):
            array.setflags(write=False)

    def of_kind(self, kind: str) -> Templates:
        """The rows of ALL, UNMASKED or MASKED; a person may have none of a kind."""
        if kind == ALL:
            return self
        chosen = self.masked if kind == MASKED else ~self.masked
        return self.where(chosen)

    def where(self, chosen: Bools) -> Templates:
        """The rows for which `chosen`, (R,) bool, is true."""
        return Templates(
            self.gallery_id,
            self.version,
            self.person_ids[chosen],
            self.masked[chosen],
            self.matrix[chosen],
        )

    def rows_of(self, person_ids: Int64) -> Int64:
        """Numbers of all rows of these people, those of one person together."""
        first = np.searchsorted(self.person_ids, person_ids, side="left")
        last = np.searchsorted(self.person_ids, person_ids, side="right")
        pieces = [np.arange(*ends) for ends in zip(first, last, strict=True)]
        return np.concatenate([np.empty(0, np.int64), *pieces])


def template_keys(person_ids: Int64, masked: Bools) -> Int64:
    """One number a template, in the order in which `Templates` holds them."""
    return 2 * person_ids + masked


def mean_rows(
    keys: Int64, parts: Iterable[tuple[Int64, Float32]], dimension: int
) -> Float32:
    """Mean embedding of each template.

    The mean beats the best single photo in open-set search, and one wrong photo
    among many moves it little.

    Args:
        keys: (R,) `template_keys`, ascending; each has at least one row in `parts`.
        parts: the embeddings piece by piece, so that they need not fit in
            memory: (n,) keys and (n, D) rows.

    Returns:
        (R, D) float32.
    """
    sums = np.zeros((len(keys), dimension))
    counts = np.zeros(len(keys), dtype=np.int64)
    for owners, rows in parts:
        places = np.searchsorted(keys, owners)
        np.add.at(sums, places, rows)
        np.add.at(counts, places, 1)
    if (counts == 0).any():
        raise ValueError("a template has no embedding")
    return (sums / counts[:, None]).astype(np.float32)


@dataclass(frozen=True)
class Neighbour:
    """A person, by number, and how far one of their templates is.

    Attributes:
        square: squared Euclidean distance of what is searched; after
            `normalised_neighbours` the normalised one, which may be negative. Never
            rounded or cut: it orders neighbours.
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


def normalised_dimension(dimension: int, cohort: Cohort | None) -> int:
    """L, the length of what is searched."""
    return dimension + (cohort is not None)


def with_offsets(vectors: Float32, cohort: Cohort | None) -> Float32:
    """(N, D) photos to (N, L), their offsets last, ready to be averaged."""
    if cohort is None:
        return vectors
    offsets = cohort.offsets(vectors).astype(np.float32)
    return np.concatenate([vectors, offsets[:, None]], axis=1)


def normalised(means: Float32, cohort: Cohort | None) -> Float32:
    """(R, L) means of rows of `with_offsets` to what is searched, (R, L)."""
    if cohort is None:
        return means
    squares = means[:, -1:] + np.float32(_added(cohort))
    return np.concatenate([means[:, :-1], np.sqrt(np.maximum(squares, 0))], axis=1)


def vectors_and_offsets(
    matrix: Float32, cohort: Cohort | None
) -> tuple[Float32, Float64]:
    """(R, L) templates to their (R, D) vectors and (R,) offsets."""
    if cohort is None:
        return matrix, np.zeros(len(matrix))
    return matrix[:, :-1], matrix[:, -1].astype(np.float64) ** 2 - _added(cohort)


def normalised_query(query: Float32, cohort: Cohort | None) -> Float32:
    """(D,) to the (L,) that is searched for."""
    return query if cohort is None else np.append(query, np.float32(0))


def normalised_neighbours(
    found: list[Neighbour], query: Float32, cohort: Cohort | None
) -> list[Neighbour]:
    """Neighbours of a `normalised_query` with squared distances to the (D,) query."""
    if cohort is None:
        return found
    more = float(cohort.offsets(query[None])[0]) - _added(cohort)
    return [
        replace(one, square=one.square + more, offset=one.last**2 + more)
        for one in found
    ]


def _added(cohort: Cohort) -> float:
    """m, with which roots are real for squares up to 21 times as large as usual."""
    return 10 * cohort.mean_score


_QUERIES_AT_ONCE = 64
_EPSILON = float(np.finfo(np.float32).eps)


class ExactSearch:
    """Compares with every template.

    |x - q|^2 = |x|^2 - 2 x.q + |q|^2 needs one product of matrix and vector, which
    is several times faster than all differences. It loses digits where distances are
    small, so it only says which rows can be among the nearest: those within its
    rounding error of the k-th. They are then compared by their differences.
    """

    def __init__(self, templates: Templates):
        matrix = templates.matrix
        self._templates = templates
        self._squares = np.einsum("ij,ij->i", matrix, matrix)
        self._longest = float(np.sqrt(self._squares.max(initial=0.0)))

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """See NeighbourSearch."""
        matrix = self._templates.matrix
        query = checked_query(query, matrix.shape[1])
        if not len(matrix):
            return []
        partial = self._squares - 2 * (matrix @ query)
        # A person has at most two rows, so these belong to k people at least.
        last = min(2 * k, len(matrix)) - 1
        limit = np.partition(partial, last)[last] + self._slack(query)
        return ranked(self._templates, np.flatnonzero(partial <= limit), query, k)

    def nearest_rows(self, queries: Float32) -> tuple[Int64, Float32]:
        """Nearest row of each of (n, D) queries, and its distance: (n,) each.

        For measuring other searches: as `nearest` but for ties within rounding.
        """
        matrix = self._templates.matrix
        rows = np.empty(len(queries), dtype=np.int64)
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            piece = queries[start : start + _QUERIES_AT_ONCE]
            partial = self._squares - 2 * (piece @ matrix.T)
            rows[start : start + len(piece)] = partial.argmin(axis=1)
        distances = np.linalg.norm(matrix[rows] - queries, axis=1)
        return rows, np.asarray(distances, dtype=np.float32)

    def _slack(self, query: Float32) -> float:
        """Twice what rounding can add to a value of |x|^2 - 2 x.q.

        Source: Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed.,
        eq. 3.5: a product of D terms is off by at most D eps |x| |q|.
        """
        longest, length = self._longest, float(np.linalg.norm(query))
        bound = len(query) * _EPSILON * longest * (longest + 2 * length)
        return float(2 * bound)
