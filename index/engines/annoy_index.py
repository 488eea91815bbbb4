"""Shortlists people with Annoy's trees and orders them by exact distances."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from index.engines.neighbours import Neighbour, Templates, checked_query, ranked
from masking.errors import MissingInput
from masking.landmarks import Float32

# Fixed: the same templates give the same file and the same answers.
SEED = 1
# With 512 numbers a face, people lie in too many directions for trees to tell far ones
# early: to find the nearest of 99.9% of masked probes, nearly all leaves of two have
# to be looked at, or half of those of eight trees, which takes longer:
# python -m benchmarks.speed.search_speed
TREES = 2
_LOOKED_AT = 0.875
# More than asked for, since Annoy's order is not final before the re-ranking.
_SHORTLIST = 64
# Trees of fewer rows are made before anybody has seen a bar.
_BAR_AFTER_S = 1.0


class NoAnnoy(MissingInput):
    """The package is not installed: it is the one that needs a compiler."""


class Trees(Protocol):
    """Annoy's index, as far as it is used here; the package has no types."""

    def add_item(self, row: int, vector: Float32) -> None:
        """Give a row its vector."""

    def build(self, trees: int, n_jobs: int) -> bool:
        """Make the trees; no row can be added after that."""

    def get_n_items(self) -> int:
        """How many rows it holds."""

    def get_n_trees(self) -> int:
        """How many trees."""

    def get_nns_by_vector(self, vector: Float32, n: int, search_k: int) -> list[int]:
        """About the n nearest rows, looking at `search_k` nodes."""

    def load(self, path: str) -> bool:
        """Map a file of trees."""

    def save(self, path: str) -> bool:
        """Write them into a file."""

    def set_seed(self, seed: int) -> None:
        """Of the trees that are to be made."""


class AnnoySearch:
    """Searches an index that `build_trees` made of the same templates.

    Args:
        search_k: nodes to look at; more finds more and takes longer.
    """

    def __init__(self, templates: Templates, index: Trees, search_k: int):
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
    """Nodes to look at among so many rows, a row counting once a tree."""
    return round(TREES * rows * _LOOKED_AT)


def build_trees(templates: Templates, trees: int = TREES) -> Trees:
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


def load_trees(path: Path, dimension: int) -> Trees:
    """Annoy's index of a file, mapped; only of a file whose hash was checked.

    Annoy records neither dimension nor metric and crashes on a damaged file.
    """
    index = _empty_index(dimension)
    # Annoy prints that a file is gone, which a newer index may have replaced.
    path.open("rb").close()
    index.load(str(path))
    return index


def _empty_index(dimension: int) -> Trees:
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
    made: Trees = annoy.AnnoyIndex(dimension, "euclidean")
    return made
