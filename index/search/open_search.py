"""Opens a search over a gallery, by any engine, and keeps it up to date.

A search that is made once, the base, holds the gallery of some moment: for Annoy and
exact search the newest snapshot. What changed since is read from the database and
compared exactly; of whom the base tells something old, nothing is reported from it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from index.engines.annoy_index import (
    AnnoySearch,
    NoAnnoy,
    Snapshot,
    build_trees,
    drop_snapshots,
    read_snapshot,
    search_k_of,
    snapshot_folders,
    version_of,
    write_snapshot,
)
from index.engines.neighbours import (
    ExactSearch,
    Int64,
    Neighbour,
    NeighbourSearch,
    Templates,
    checked_query,
    first_people,
    in_order,
    normalised_neighbours,
    normalised_query,
)
from index.gallery.gallery import Gallery
from index.search.config import ENGINES
from masking.errors import BadRecord, InvalidConfig, MissingInput
from masking.landmarks import Float32

# Beyond it a new base is made: what changed is searched row by row.
REBUILD_FRACTION = 0.05
# As few changes as this cost nothing, however few people there are.
_ALWAYS_QUICK = 16
# Hidden people that are usually in the way of the k that are asked for.
_SPARE = 8
_ATTEMPTS = 3
_log = logging.getLogger(__name__)
# So many people wait for an index until somebody asks for it: it takes seconds.
LARGE = 20_000


@dataclass(frozen=True, eq=False)
class Base:
    """A search over the gallery of one moment, of vectors as `normalised` makes them.

    Attributes:
        version: of the gallery at that moment.
        survives_removal: whether it still answers after somebody was erased.
        close: releases what it holds open.
    """

    search: NeighbourSearch
    version: int
    survives_removal: bool = True
    close: Callable[[], None] = lambda: None


# The best base that is newer than a version; None where there is none. It takes over
# what an older one of the same source holds open.
OpenBase = Callable[[int], "Base | None"]


class _Nobody:
    """The search of no files at all: everybody is new since."""

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """See NeighbourSearch."""
        return []


class DeltaSearch:
    """A base, and the exact truth about everybody who changed since.

    Every answer is that of the gallery as it is at that moment, whichever process
    enrolled or removed people after this search was opened.
    """

    def __init__(self, gallery: Gallery, open_base: OpenBase):
        self._gallery, self._open_base = gallery, open_base
        self._cohort = gallery.cohort
        self._open_from_nothing()

    def __enter__(self) -> DeltaSearch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the base's files or connection."""
        self._base.close()

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """See NeighbourSearch."""
        if self._gallery.version != self._seen:
            self._refresh()
        query = checked_query(query, self._gallery.dimension)
        asked = normalised_query(query, self._cohort)
        found = [*self._from_base(asked, k), *self._fresh.nearest(asked, k)]
        nearest = first_people(in_order(found), k)
        return normalised_neighbours(nearest, query, self._cohort)

    @property
    def changed(self) -> int:
        """People who changed since the base was made."""
        return len(self._hidden)

    def _open_from_nothing(self) -> None:
        self._take(self._open_base(-1) or Base(_Nobody(), -1))

    def _take(self, base: Base) -> None:
        self._base = base
        self._read_changes(None, base.version)

    def _refresh(self) -> None:
        removed = self._read_changes(self._delta, self._seen)
        if removed and not self._base.survives_removal:
            self._base.close()
            self._open_from_nothing()
        elif stale(self.changed, self._gallery.size):
            newer = self._open_base(self._base.version)
            if newer:
                self._take(newer)

    def _read_changes(self, known: Templates | None, version: int) -> bool:
        """Take in what happened after a version, up to which all is `known`.

        Returns:
            Whether something was erased.
        """
        changes = self._gallery.changes_since(version)
        fresh, hidden = changes.templates, changes.removed
        self._seen = fresh.version
        if known is not None:
            now = np.union1d(fresh.person_ids, changes.removed)
            kept = known.where(~np.isin(known.person_ids, now))
            fresh = joined(kept, fresh)
            hidden = np.union1d(self._hidden, hidden)
        self._delta = fresh
        self._hidden: Int64 = np.union1d(hidden, fresh.person_ids)
        self._fresh = ExactSearch(fresh)
        return self._gallery.last_erasure > version

    def _from_base(self, query: Float32, k: int) -> list[Neighbour]:
        wanted = k + min(_SPARE, len(self._hidden))
        while True:
            found = self._base.search.nearest(query, wanted)
            people = len({neighbour.person_id for neighbour in found})
            kept = [n for n in found if not self._is_hidden(n.person_id)]
            enough = len({neighbour.person_id for neighbour in kept}) >= k
            if enough or people < wanted or wanted >= k + len(self._hidden):
                return kept
            wanted = min(2 * wanted, k + len(self._hidden))

    def _is_hidden(self, person_id: int) -> bool:
        place = int(np.searchsorted(self._hidden, person_id))
        return place < len(self._hidden) and self._hidden[place] == person_id


def stale(changed: int, people: int) -> bool:
    """Whether so many changed people of a gallery ask for a new base."""
    return changed > max(_ALWAYS_QUICK, REBUILD_FRACTION * people)


def joined(one: Templates, other: Templates) -> Templates:
    """The templates of both, which share no person; the version is `other`'s."""
    person_ids = np.concatenate([one.person_ids, other.person_ids])
    order: Int64 = np.argsort(person_ids, kind="stable")
    return Templates(
        other.gallery_id,
        other.version,
        person_ids[order],
        np.concatenate([one.masked, other.masked])[order],
        np.concatenate([one.matrix, other.matrix])[order],
    )


def newest_snapshot(gallery: Gallery, after: int = -1) -> Snapshot | None:
    """The newest snapshot that is whole; None without one.

    Damaged ones are skipped with a notice.

    Args:
        after: the version that it must be newer than.
    """
    version = gallery.version
    for folder in snapshot_folders(gallery.folder):
        # A version of the future is that of a database that was put back.
        if not after < version_of(folder) <= version:
            continue
        try:
            return read_snapshot(folder, gallery.gallery_id, gallery.fingerprint)
        except BadRecord as error:
            # One that a removal sweeps at this moment is not damaged.
            if folder.exists():
                _log.warning("the search index is built again: %s", error)
        except NoAnnoy:
            # Whoever would build the next one says so.
            return None
    return None


def current_snapshot(gallery: Gallery, after: int = -1) -> Snapshot:
    """The newest snapshot, or one that is made now, when many people changed.

    Args:
        after: the version that it must be newer than.

    Raises:
        MissingInput: nobody is enrolled.
        OSError, BadRecord: it cannot be written.
        NoAnnoy: the package is missing.
    """
    found = newest_snapshot(gallery, after)
    if found:
        changed = gallery.change_count(found.templates.version)
        if not stale(changed, gallery.size):
            return found
    return build_snapshot(gallery)


def refresh_snapshot(gallery: Gallery, after: int = -1) -> Snapshot | None:
    """`current_snapshot`, with a notice and the older one where none can be written."""
    try:
        return current_snapshot(gallery, after)
    except NoAnnoy as reason:
        _log.warning("%s", reason)
        return None
    except (OSError, BadRecord) as error:
        _log.warning("%s: no search index can be kept: %s", gallery.folder, error)
        return newest_snapshot(gallery, after)


def build_snapshot(gallery: Gallery) -> Snapshot:
    """Write a snapshot of the gallery as it is now.

    Raises:
        MissingInput: nobody is enrolled.
        OSError, BadRecord: it cannot be written.
    """
    reason = "no attempt was made"
    for _ in range(_ATTEMPTS):
        before = gallery.last_erasure
        try:
            folder = _written(gallery)
            if folder is not None:
                return read_snapshot(folder, gallery.gallery_id, gallery.fingerprint)
            reason = "a person was removed meanwhile"
        except (OSError, BadRecord) as error:
            # Other processes sweep: a removal what is being written or was just
            # written, the makers of newer snapshots what was written.
            causes = (error, error.__cause__)
            swept = any(isinstance(one, FileNotFoundError) for one in causes)
            if gallery.last_erasure == before and not swept:
                raise
            reason = str(error)
    raise BadRecord(f"{gallery.folder}: no search index can be made ({reason})")


def _written(gallery: Gallery) -> Path | None:
    """The new snapshot; None when somebody who is in it was removed meanwhile."""
    templates = gallery.templates()
    if not len(templates.person_ids):
        raise MissingInput(
            f"{gallery.folder}: nobody is enrolled. Run: python cli.py enroll"
        )
    trees = build_trees(templates)
    folder = write_snapshot(gallery.folder, templates, trees, gallery.fingerprint)
    # Whoever removes a person sweeps snapshots after the removal is stored: this
    # look comes after ours is visible, so one of the two deletes it.
    if gallery.last_erasure > templates.version:
        with suppress(OSError):
            drop_snapshots(gallery.folder)
        return None
    return folder


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
