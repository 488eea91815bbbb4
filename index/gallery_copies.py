"""Where else a gallery's templates lie: collections in Milvus, which erasure drops."""

from __future__ import annotations

import json

from index.gallery_store import GalleryStore
from index.milvus_collection import drop_collections


def note_copy(store: GalleryStore, uri: str) -> None:
    """Record, before the first vector goes there, that a copy lies at a URI."""
    if uri not in noted_copies(store):
        with store.changes():
            uris = sorted({*noted_copies(store), uri})
            store.set_meta("copies", json.dumps(uris))


def noted_copies(store: GalleryStore) -> list[str]:
    """All URIs that ever held a copy."""
    return [str(uri) for uri in json.loads(store.meta("copies") or "[]")]


def drop_copies(store: GalleryStore) -> None:
    """Delete this gallery's collections everywhere.

    Raises:
        ToolkitError: a server cannot be reached, or its package is not installed.
    """
    for uri in noted_copies(store):
        drop_collections(uri, store.meta("gallery_id"))
