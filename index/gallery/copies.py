"""Where else a gallery's templates lie: collections in Milvus, which erasure drops."""

from __future__ import annotations

import json

from index.engines.milvus import drop_collections
from index.gallery.storage.store import GalleryStore


def note_copy(store: GalleryStore, uri: str) -> None:
    """Record, before the first vector goes there, that a copy lies at a URI."""
    copy = [uri, store.meta("gallery_id")]
    if copy not in _noted(store):
        with store.changes():
            store.set_meta("copies", json.dumps([*_noted(store), copy]))


def drop_copies(store: GalleryStore) -> None:
    """Delete this gallery's collections everywhere.

    Raises:
        ToolkitError: a server cannot be reached, or its package is not installed.
    """
    for uri, gallery_id in _noted(store):
        drop_collections(uri, gallery_id)


def _noted(store: GalleryStore) -> list[list[str]]:
    """URIs that ever held a copy, and the identity that the gallery had then.

    A gallery that was put back from a backup has another identity.
    """
    copies: list[list[str]] = json.loads(store.meta("copies") or "[]")
    return copies
