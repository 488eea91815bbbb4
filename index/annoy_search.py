"""Shortlists people with Annoy's trees and orders them by exact distances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from index.neighbours import Neighbour, checked_query, ranked
from index.templates import Templates
from masking.landmarks import Float32

# Fixed: the same templates give the same file and the same answers.
SEED = 1
# More than asked for, since Annoy's order is not final before the re-ranking.
_SHORTLIST = 64


class AnnoySearch:
    """Searches an index that `build_trees` made of the same templates.

    Args:
        search_k: nodes to look at; more finds more and takes longer.
    """

    def __init__(self, templates: Templates, index: Any, search_k: int):
        self._templates, self._index, self._search_k = templates, index, search_k

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """See NeighbourSearch; may miss people, but never misstates a distance."""
        query = checked_query(query, self._templates.matrix.shape[1])
        wanted = max(2 * k, _SHORTLIST)
        # Long lists need a long search, however quickly the nearest is found.
        search_k = max(self._search_k, 2 * k * self._index.get_n_trees())
        found = self._index.get_nns_by_vector(query, wanted, search_k=search_k)
        return ranked(self._templates, np.array(found, dtype=np.int64), query, k)


def build_trees(templates: Templates, trees: int) -> Any:
    """Annoy's index of the templates, in memory."""
    import annoy

    index: Any = annoy.AnnoyIndex(templates.matrix.shape[1], "euclidean")
    index.set_seed(SEED)
    for row, vector in enumerate(templates.matrix):
        index.add_item(row, vector)
    # One thread: with more, the seed no longer fixes the trees.
    index.build(trees, n_jobs=1)
    return index


def load_trees(path: Path, dimension: int) -> Any:
    """Annoy's index of a file, mapped; only of a file whose hash was checked.

    Annoy records neither dimension nor metric and crashes on a damaged file.
    """
    import annoy

    index: Any = annoy.AnnoyIndex(dimension, "euclidean")
    index.load(str(path))
    return index
