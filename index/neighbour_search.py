"""Finds the people whose templates are nearest to a face: exact, or with Annoy."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from index.gallery import Gallery
from index.generation import (
    Generation,
    generation_folders,
    read_generation,
    write_generation,
)
from index.templates import Int64, Templates
from masking.errors import BadRecord, MissingInput
from masking.landmarks import Float32

# Fixed: the same templates give the same file and the same answers.
SEED = 1
TREES = 40
# Annoy's default (trees x k) found the right person for 27% of masked-like
# probes among 100,000 photos; a large search_k finds practically all.
SEARCH_K = 40_000
# More than asked for, since Annoy's order is not final before the re-ranking.
_SHORTLIST = 64
_ROWS_AT_ONCE = 65_536
_OPEN_ATTEMPTS = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Neighbour:
    """A person, by number, and the Euclidean distance to their template."""

    person_id: int
    distance: float


class NeighbourSearch(Protocol):
    """Anything that finds the nearest people."""

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """The k people nearest to a (D,) query, the nearest first.

        Fewer when there are fewer people. Of two at the same distance the one
        with the lower number, enrolled earlier, comes first.
        """


class ExactSearch:
    """Compares with every template."""

    def __init__(self, templates: Templates):
        self._templates = templates

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """See NeighbourSearch."""
        matrix = self._templates.matrix
        query = _checked_query(query, matrix.shape[1])
        distances = np.empty(len(matrix), dtype=np.float32)
        # In pieces: the differences of a million rows would take half a gigabyte.
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            piece = matrix[start : start + _ROWS_AT_ONCE] - query
            distances[start : start + len(piece)] = np.linalg.norm(piece, axis=1)
        return _ranked(self._templates.person_ids, distances, k)


class AnnoySearch:
    """Shortlist by Annoy's trees, order by exact distances."""

    def __init__(self, generation: Generation):
        import annoy

        self._templates = generation.templates
        dimension = self._templates.matrix.shape[1]
        self._index: Any = annoy.AnnoyIndex(dimension, "euclidean")
        # Safe: read_generation has compared the file with its hash.
        self._index.load(str(generation.annoy_file))

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """See NeighbourSearch; may miss people, but never misstates a distance."""
        matrix = self._templates.matrix
        query = _checked_query(query, matrix.shape[1])
        wanted = max(k, _SHORTLIST)
        rows = np.array(
            self._index.get_nns_by_vector(query, wanted, search_k=SEARCH_K),
            dtype=np.int64,
        )
        distances = np.linalg.norm(matrix[rows] - query, axis=1)
        return _ranked(self._templates.person_ids[rows], distances, k)


class CheckedSearch:
    """Lets Annoy answer and exact search check it; a disagreement is logged."""

    def __init__(self, fast: NeighbourSearch, exact: NeighbourSearch):
        self._fast, self._exact = fast, exact

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """See NeighbourSearch; the exact answer wins."""
        found = self._fast.nearest(query, k)
        truth = self._exact.nearest(query, k)
        # The rest of the list may differ at its end: only the best decides.
        if found[:1] != truth[:1]:
            _log.warning(
                "Annoy's nearest person (%s) is not the exact one (%s); the exact "
                "answer is used",
                _shown(found),
                _shown(truth),
            )
        return truth


def _exact(gallery: Gallery) -> NeighbourSearch:
    return ExactSearch(current_generation(gallery).templates)


def _annoy(gallery: Gallery) -> NeighbourSearch:
    generation = current_generation(gallery)
    return CheckedSearch(AnnoySearch(generation), ExactSearch(generation.templates))


SEARCHERS: dict[str, Callable[[Gallery], NeighbourSearch]] = {
    "annoy": _annoy,
    "exact": _exact,
}


def open_search(gallery: Gallery, engine: str) -> NeighbourSearch:
    """The search of an engine, a key of SEARCHERS, over the gallery as it is now.

    Where its files cannot be kept (a full disk, a removal in another process),
    people are compared one by one from the database, and a warning says so.

    Raises:
        MissingInput: nobody is enrolled.
        BadRecord: the gallery is damaged.
    """
    reason: Exception | None = None
    for _ in range(_OPEN_ATTEMPTS):
        try:
            return SEARCHERS[engine](gallery)
        except (OSError, BadRecord) as error:
            reason = error
    _log.warning("searching without search files, which cannot be kept: %s", reason)
    return ExactSearch(gallery.templates())


def current_generation(gallery: Gallery) -> Generation:
    """The generation of the gallery as it is now; written if there is none.

    Raises:
        MissingInput: nobody is enrolled.
        OSError, BadRecord: it cannot be written or was swept meanwhile.
    """
    version = gallery.version
    for folder in generation_folders(gallery.folder, version):
        try:
            return read_generation(folder, gallery.gallery_id, version)
        except BadRecord as error:
            _log.warning("the search files are built again: %s", error)
    templates = gallery.templates()
    if not len(templates.person_ids):
        raise MissingInput(
            f"{gallery.folder}: nobody is enrolled. Run: python cli.py enroll"
        )
    return _written(gallery, templates)


def _written(gallery: Gallery, templates: Templates) -> Generation:
    folder = write_generation(gallery.folder, templates, _trees(templates), SEED)
    # Whoever removes a person sweeps generations after the removal is stored: this
    # look comes after ours is visible, so one of the two deletes it.
    if gallery.last_erasure > templates.version:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadRecord("a person was removed meanwhile")
    return read_generation(folder, templates.gallery_id, templates.version)


def _trees(templates: Templates) -> Callable[[Path], None]:
    def build(path: Path) -> None:
        import annoy

        index: Any = annoy.AnnoyIndex(templates.matrix.shape[1], "euclidean")
        index.set_seed(SEED)
        for row, vector in enumerate(templates.matrix):
            index.add_item(row, vector)
        # One thread: with more, the seed no longer fixes the trees.
        index.build(TREES, n_jobs=1)
        index.save(str(path))

    return build


def _ranked(person_ids: Int64, distances: Float32, k: int) -> list[Neighbour]:
    order = np.lexsort((person_ids, distances))[:k]
    return [Neighbour(int(person_ids[i]), float(distances[i])) for i in order]


def _checked_query(query: Float32, dimension: int) -> Float32:
    if query.shape != (dimension,) or not np.isfinite(query).all():
        raise BadRecord(
            f"a face's embedding must be {dimension} finite numbers, got shape "
            f"{query.shape}. The photo or the model is damaged; try another of either."
        )
    return query


def _shown(found: list[Neighbour]) -> str:
    return (
        f"person {found[0].person_id} at {found[0].distance:.4f}" if found else "none"
    )
