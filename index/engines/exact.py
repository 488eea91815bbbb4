"""Compares a face with every template; the yardstick of all other searches."""

from __future__ import annotations

import numpy as np

from index.engines.neighbours import Int64, Neighbour, Templates, checked_query, ranked
from masking.landmarks import Float32

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
