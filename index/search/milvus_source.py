"""Searches people in Milvus: a server for galleries that outgrow one machine.

The database stays the truth. A collection of this gallery holds a copy of the
templates and the version that they belong to; it is brought up to date with what
changed since, and every distance is computed here from the stored vectors.
"""

from __future__ import annotations

import numpy as np

from index.engines.milvus import Collection, checked_uri, reached
from index.engines.neighbours import (
    Int64,
    Neighbour,
    checked_query,
    first_people,
    neighbours,
    normalised_dimension,
)
from index.gallery.erasure import note_copy
from index.gallery.gallery import Gallery
from index.search.open_search import Base, stale
from masking.errors import BadRecord
from masking.landmarks import Float32

# Milvus answers at most 16,384 rows.
_MOST = 16_000


class MilvusSource:
    """A gallery's collection, opened when it is first needed.

    Args:
        uri: http://HOST:PORT of a server, or a file NAME.db for milvus-lite.

    Raises:
        MissingInput: the packages are not installed.
        InvalidConfig: no URI.
    """

    def __init__(self, gallery: Gallery, uri: str):
        self._gallery, self._uri = gallery, checked_uri(uri)
        self._collection: Collection | None = None

    def open_base(self, version: int) -> Base:
        """See OpenBase; brings the collection up to date here and now.

        Raises:
            ToolkitError: Milvus cannot be reached.
        """
        gallery = self._gallery
        # Recorded first: whoever erases a person has to know where to look.
        note_copy(gallery.store, self._uri)
        if self._collection is None:
            self._collection = Collection(
                self._uri,
                gallery.gallery_id,
                gallery.fingerprint,
                normalised_dimension(gallery.dimension, gallery.cohort),
            )
        try:
            with reached(self._uri):
                held = _brought_up_to_date(self._collection, gallery)
        except BaseException:
            self._close()
            raise
        # Erasing a person drops the collection.
        return Base(MilvusSearch(self._collection), held, False, self._close)

    def _close(self) -> None:
        if self._collection is not None:
            self._collection.close()
            self._collection = None


class MilvusSearch:
    """Shortlist by Milvus, order by exact distances."""

    def __init__(self, collection: Collection):
        self._collection = collection

    def nearest(self, query: Float32, k: int) -> list[Neighbour]:
        """See NeighbourSearch; may miss people where the index is approximate."""
        collection = self._collection
        query = checked_query(query, collection.dimension)
        with reached(collection.uri):
            # One more for the mark; a person has two templates at most.
            keys, vectors = collection.search(query, min(2 * k + 1, _MOST))
            people = first_people(_neighbours(keys, vectors, query), k)
            ids = {neighbour.person_id for neighbour in people}
            both = [2 * i + masked for i in ids for masked in (0, 1)]
            keys, vectors = collection.get(both)
        return _neighbours(keys, vectors, query)


def _brought_up_to_date(collection: Collection, gallery: Gallery) -> int:
    """The collection's version, after an update where it lags behind."""
    version = collection.version()
    # A newer one is that of a database that was put back.
    if version > gallery.version:
        raise BadRecord(
            f"{collection.uri}: holds a newer state than {gallery.folder}. Run: python "
            "cli.py gallery rebuild"
        )
    lagging = stale(gallery.change_count(version), gallery.size)
    if version < 0 or lagging:
        changes = gallery.changes_since(version)
        gone = np.union1d(changes.removed, changes.templates.person_ids)
        collection.update(changes.templates, gone if version >= 0 else gone[:0])
        version = changes.templates.version
    return version


def _neighbours(keys: Int64, vectors: Float32, query: Float32) -> list[Neighbour]:
    return neighbours(keys // 2, keys % 2 == 1, vectors, query)
