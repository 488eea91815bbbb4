"""Opens a search over a gallery: Annoy, exact search or Milvus."""

from __future__ import annotations

import logging
from functools import partial

from index.engines.annoy_index import AnnoySearch, search_k_of
from index.engines.exact import ExactSearch
from index.gallery.gallery import Gallery
from index.search.config import ENGINES
from index.search.incremental import Base, DeltaSearch, stale
from index.search.snapshots import newest_snapshot, refresh_snapshot
from masking.errors import InvalidConfig, MissingInput

# So many people wait for an index until somebody asks for it: it takes seconds.
LARGE = 20_000
_log = logging.getLogger(__name__)


def open_search(gallery: Gallery, engine: str = "annoy", uri: str = "") -> DeltaSearch:
    """The search of an engine over the gallery; it follows the gallery's changes.

    Args:
        engine: one of ENGINES.
        uri: for "milvus": address of a server, or a file NAME.db for milvus-lite.

    Raises:
        MissingInput: nobody is enrolled, or the engine is not installed.
        BadRecord: the gallery is damaged.
        InvalidConfig: no such engine, or "milvus" without a URI.
        ToolkitError: Milvus cannot be reached.
    """
    if engine not in ENGINES:
        raise InvalidConfig(
            f"unknown engine {engine!r}, expected one of {', '.join(ENGINES)}"
        )
    people = gallery.size
    if not people:
        raise MissingInput(
            f"{gallery.folder}: nobody is enrolled. Run: python cli.py enroll"
        )
    if engine == "milvus":
        from index.search.milvus_source import MilvusSource

        return DeltaSearch(gallery, MilvusSource(gallery, uri).open_base)
    search = DeltaSearch(gallery, partial(_base_of_files, gallery, engine))
    if people >= LARGE and stale(search.changed, people):
        _log.warning(
            "%s: %s of %s people are not in the search index and are compared one by "
            "one. To build it, run: python cli.py gallery verify, or gallery rebuild, "
            "which embeds everybody again",
            gallery.folder,
            f"{search.changed:,}",
            f"{people:,}",
        )
    return search


def _base_of_files(gallery: Gallery, engine: str, version: int) -> Base | None:
    """See OpenBase; files of a few people are made at once, where they are missing."""
    find = newest_snapshot if gallery.size >= LARGE else refresh_snapshot
    snapshot = find(gallery, version)
    if snapshot is None:
        return None
    templates = snapshot.templates
    if engine == "exact":
        return Base(ExactSearch(templates), templates.version)
    search_k = search_k_of(len(templates.matrix))
    return Base(AnnoySearch(templates, snapshot.trees, search_k), templates.version)
