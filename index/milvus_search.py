"""Searches people in Milvus: a server for galleries that outgrow one machine.

The database stays the truth. A collection of this gallery holds a copy of the
templates and the version that they belong to; it is brought up to date with what
changed since, and every distance is computed here from the stored vectors.
"""

from __future__ import annotations

import numpy as np

from index.delta_search import Base, stale
from index.gallery import Gallery
from index.lifting import lifted_dimension
from index.milvus_collection import Collection, checked_uri, reached
from index.neighbours import Neighbour, checked_query, first_people, in_order
from index.templates import Int64
from masking.errors import BadRecord, MissingInput
from masking.landmarks import Float32

# Milvus answers at most 16,384 rows.
_MOST = 16_000


class MilvusSource:
    """See BaseSource.

    Args:
        uri: http://HOST:PORT of a server, or a file NAME.db for milvus-lite.

    Raises:
        MissingInput: the packages are not installed.
        InvalidConfig: no URI.
        ToolkitError: Milvus cannot be reached.
    """

    # Erasing a person drops the collection.
    survives_removal = False

    def __init__(self, gallery: Gallery, uri: str):
        self._gallery, self._uri = gallery, checked_uri(uri)
        self._collection: Collection | None = None

    def open(self) -> Base:
        """See BaseSource."""
        gallery = self._gallery
        if not gallery.size:
            raise MissingInput(
                f"{gallery.folder}: nobody is enrolled. Run: python cli.py enroll"
            )
        # Recorded first: whoever erases a person has to know where to look.
        gallery.note_copy(self._uri)
        if self._collection is None:
            self._collection = Collection(
                self._uri,
                gallery.gallery_id,
                gallery.fingerprint,
                lifted_dimension(gallery.dimension, gallery.cohort),
            )
        try:
            with reached(self._uri):
                version, rows = _brought_up_to_date(self._collection, gallery)
        except BaseException:
            self._close()
            raise
        return Base(MilvusSearch(self._collection), version, rows, self._close)

    def newer(self, version: int) -> Base | None:
        """See BaseSource; the update is done here and now."""
        return self.open()

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


def _brought_up_to_date(collection: Collection, gallery: Gallery) -> tuple[int, int]:
    """The collection's version and size, after an update where it lags behind."""
    version = collection.version()
    # A newer one is that of a database that was put back.
    if version > gallery.version:
        raise BadRecord(
            f"{collection.uri}: holds a newer state than {gallery.folder}. Run: python "
            "cli.py gallery rebuild"
        )
    lagging = stale(gallery.change_count(version), collection.count())
    if version < 0 or lagging:
        changes = gallery.changes_since(version)
        gone = np.union1d(changes.removed, changes.templates.person_ids)
        collection.update(changes.templates, gone if version >= 0 else gone[:0])
        version = changes.templates.version
    return version, collection.count()


def _neighbours(keys: Int64, vectors: Float32, query: Float32) -> list[Neighbour]:
    distances = np.linalg.norm(vectors - query, axis=1)
    return in_order(
        [
            Neighbour(int(key) // 2, float(distance), bool(key % 2))
            for key, distance in zip(keys, distances, strict=True)
        ]
    )
