"""Keeps a search that is made once, the base, up to date with the gallery.

The base holds the gallery of some moment. What changed since is read from the
database and compared exactly; of whom the base tells something old, nothing is
reported from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from index.engines.exact import ExactSearch
from index.engines.neighbours import (
    Neighbour,
    NeighbourSearch,
    checked_query,
    first_people,
    in_order,
)
from index.engines.normalised_vectors import normalised_neighbours, normalised_query
from index.engines.templates import Int64, Templates
from index.gallery.gallery import Gallery
from masking.landmarks import Float32

# Beyond it a new base is made: what changed is searched row by row.
REBUILD_FRACTION = 0.05
# As few changes as this cost nothing, however few people there are.
_ALWAYS_QUICK = 16
# Hidden people that are usually in the way of the k that are asked for.
_SPARE = 8


@dataclass(frozen=True, eq=False)
class Base:
    """A search over the gallery of one moment, of vectors as `normalised_vectors` makes
    them.

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
