"""Bases of exact search and Annoy: the search files beside the gallery."""

from __future__ import annotations

import logging

from index import background_build
from index.annoy_search import AnnoySearch
from index.delta_search import Base, stale
from index.exact_search import ExactSearch
from index.gallery import Gallery
from index.generation import Generation
from index.generation_building import build_generation, newest_generation
from masking.errors import BadRecord

# From here on, files are made by another process, as that takes long.
LARGE = 20_000
# Below it, trees would be tuned for nothing: among 100,000 people exact search took
# 6.6 ms and Annoy, so that it misses nobody, 24: python -m benchmarks.search_speed
TREES_FROM = 300_000
_ATTEMPTS = 3
_log = logging.getLogger(__name__)


class FileSource:
    """See BaseSource.

    Args:
        engine: "exact"; "annoy", as soon as its trees are there, and unless they
            miss people; or "auto", the quicker one of both.
    """

    # Deleted files live on while they are mapped.
    survives_removal = True

    def __init__(self, gallery: Gallery, engine: str):
        self._gallery, self._engine = gallery, engine

    def open(self) -> Base:
        """See BaseSource.

        Where files cannot be kept (a full disk, a folder that is read-only), people
        are compared one by one from the database, and a warning says so.
        """
        reason: Exception | None = None
        for _ in range(_ATTEMPTS):
            try:
                return self._from_files()
            except (OSError, BadRecord) as error:
                reason = error
        _log.warning("searching without search files, which cannot be kept: %s", reason)
        templates = self._gallery.templates()
        return Base(ExactSearch(templates), templates.version, len(templates.matrix))

    def newer(self, version: int) -> Base | None:
        """See BaseSource."""
        if not self._is_large():
            return self.open()
        generation = newest_generation(self._gallery, version, self._wants_trees())
        if generation is None:
            background_build.start(self._gallery.folder, self._wants_trees())
            return None
        return self._base(generation)

    def _from_files(self) -> Base:
        large, trees = self._is_large(), self._wants_trees()
        generation = newest_generation(self._gallery, with_trees=trees)
        if generation is None:
            # Exact search can begin at once; trees of many people have to wait.
            generation = build_generation(self._gallery, trees and not large)
        changed = self._gallery.change_count(generation.templates.version)
        old = stale(changed, len(generation.templates.matrix))
        if old or (trees and not generation.tuning):
            if large:
                background_build.start(self._gallery.folder, trees)
            else:
                generation = build_generation(self._gallery, trees)
        return self._base(generation)

    def _is_large(self) -> bool:
        return self._gallery.size >= LARGE

    def _wants_trees(self) -> bool:
        pays = self._engine == "auto" and self._gallery.size >= TREES_FROM
        return self._engine == "annoy" or pays

    def _base(self, generation: Generation) -> Base:
        templates = generation.templates
        found = ExactSearch(templates)
        base = Base(found, templates.version, len(templates.matrix))
        tuning = generation.tuning
        if self._engine == "exact" or tuning is None:
            return base
        if not generation.trees_sha256:
            if self._engine == "annoy":
                _log.warning(
                    "Annoy finds %.2f%% of the nearest people in %.1f ms, exact search "
                    "all in %.1f ms: exact search is used",
                    100 * tuning.recall,
                    tuning.annoy_ms,
                    tuning.exact_ms,
                )
            return base
        # Trees that nobody wants here, as people left, were not checked either.
        slower = self._engine == "auto" and tuning.exact_ms <= tuning.annoy_ms
        if slower or not self._wants_trees():
            return base
        annoy = AnnoySearch(templates, generation.open_trees(), tuning.search_k)
        return Base(annoy, base.version, base.rows)
