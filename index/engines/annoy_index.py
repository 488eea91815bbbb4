"""Shortlists people with Annoy's trees and orders them by exact distances."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from index.engines.neighbours import Neighbour, Templates, checked_query, ranked
from masking.errors import MissingInput
from masking.landmarks import Float32

# Fixed: the same templates give the same file and the same answers.
SEED = 1
# More trees find little more with as many nodes, and take longer to build.
TREES = 8
# Rows -> nodes to look at, with which the nearest of 99.9% of masked probes are found:
# python -m benchmarks.speed.search_speed
_SEARCH_K = {1_000: 3_000, 10_000: 16_000, 100_000: 96_000, 1_000_000: 600_000}
# More than asked for, since Annoy's order is not final before the re-ranking.
_SHORTLIST = 64
# Trees of fewer rows are made before anybody has seen a bar.
_BAR_AFTER_S = 1.0


class NoAnnoy(MissingInput):
    """The package is not installed: it is the one that needs a compiler."""


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


def search_k_of(rows: int) -> int:
    """Nodes to look at among so many rows, between the measured sizes by power law."""
    sizes, nodes = list(_SEARCH_K), list(_SEARCH_K.values())
    if rows > sizes[-1]:
        return nodes[-1] * rows // sizes[-1]
    found = np.exp(np.interp(np.log(rows), np.log(sizes), np.log(nodes)))
    return round(float(found))


def build_trees(templates: Templates, trees: int = TREES) -> Any:
    """Annoy's index of the templates, in memory; shows a bar when it takes long."""
    index = _empty_index(templates.matrix.shape[1])
    index.set_seed(SEED)
    with tqdm(
        desc="search index",
        total=len(templates.matrix),
        unit="row",
        delay=_BAR_AFTER_S,
        disable=None,
        leave=False,
    ) as bar:
        for row, vector in enumerate(templates.matrix):
            index.add_item(row, vector)
            bar.update()
        with ThreadPoolExecutor(1) as pool:
            # One thread: with more, the seed no longer fixes the trees.
            built: Future[bool] = pool.submit(index.build, trees, n_jobs=1)
            bar.set_postfix_str(f"{trees} trees")
            while not wait([built], _BAR_AFTER_S).done:
                bar.refresh()
        built.result()
    return index


def load_trees(path: Path, dimension: int) -> Any:
    """Annoy's index of a file, mapped; only of a file whose hash was checked.

    Annoy records neither dimension nor metric and crashes on a damaged file.
    """
    index = _empty_index(dimension)
    # Annoy prints that a file is gone, which a newer index may have replaced.
    path.open("rb").close()
    index.load(str(path))
    return index


def _empty_index(dimension: int) -> Any:
    """Annoy's own, without rows.

    Raises:
        NoAnnoy: it is not installed.
    """
    try:
        import annoy
    except ImportError as error:
        raise NoAnnoy(
            f"Annoy cannot be loaded ({error}): no search index is made, and everybody "
            "is compared exactly. To have one, run: pip install annoy (which takes a "
            "C++ compiler)."
        ) from error
    return annoy.AnnoyIndex(dimension, "euclidean")
