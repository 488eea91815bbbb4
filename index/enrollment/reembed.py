"""Another embedder for a gallery: embeds the stored chips, then replaces all vectors.

The vectors grow in a temporary table of this connection, which SQLite deletes with
it. Meanwhile others enroll and search undisturbed. One transaction replaces the old
vectors, so a crash leaves the old gallery or the new one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from index.engines.annoy_index import drop_snapshots
from index.gallery.erasure import drop_copies
from index.gallery.storage.database import reported
from index.gallery.storage.store import GalleryStore, seal, vector_bytes
from index.gallery.vectors import check_chips_fit, embedder_meta
from masking.datasets.images import decode_rgb
from masking.errors import BadRecord, ToolkitError, UnreadableImage
from masking.files.text import counted
from masking.landmarks import Image
from training.embedders.embedded_face import (
    Embedder,
    check_embedding,
    embed_both,
    network_input,
)

_CHIPS_AT_ONCE = 256
# The number of a removed photo may be given to another person's. The number of a
# person never is, so both together name one photo for good.
_ROOM = """CREATE TEMP TABLE fresh (
    photo_id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL, vector BLOB NOT NULL,
    seal INTEGER NOT NULL, reference BLOB, reference_seal INTEGER)"""
_MISSING = """SELECT photos.id, photos.person_id, sha256, masked, chip, photos.seal,
    name FROM photos JOIN people ON people.id = photos.person_id
    LEFT JOIN fresh ON photo_id = photos.id AND fresh.person_id = photos.person_id
    WHERE photos.id > ? AND photo_id IS NULL ORDER BY photos.id LIMIT ?"""
_REPLACE = """INSERT INTO embeddings SELECT photo_id, ?, ?, vector, fresh.seal
    FROM fresh JOIN photos
    ON photos.id = photo_id AND photos.person_id = fresh.person_id"""
_REPLACE_REFERENCES = """INSERT INTO masked_references
    SELECT photo_id, reference, reference_seal
    FROM fresh JOIN photos
    ON photos.id = photo_id AND photos.person_id = fresh.person_id
    WHERE reference IS NOT NULL"""
_log = logging.getLogger(__name__)


def reembed_gallery(folder: Path, embedder: Embedder) -> int:
    """Embed every stored chip again and replace the gallery's vectors.

    People, names, photos and the audit stay. Snapshots go, and so does the
    calibration, unless the embedder is the gallery's own. Also repairs a gallery
    whose vectors are damaged.

    Returns:
        How many photos the gallery holds, all embedded again.

    Raises:
        EmbedderMismatch: the embedder reads other chips than the gallery keeps.
        MissingInput: there is no gallery.
        BadRecord: a stored chip cannot be read, or its embedding is not finite.
    """
    with closing(GalleryStore(folder)) as store, reported(store.path):
        check_chips_fit(store, embedder)
        store.execute(_ROOM)
        total = int(store.read("SELECT COUNT(*) FROM photos")[0][0])
        with tqdm(
            desc="embed", total=total, unit="photo", disable=None, leave=False
        ) as progress:
            _embed_missing(store, embedder, progress)
            with store.changes():
                # Those that were enrolled meanwhile; now nobody else can write.
                _embed_missing(store, embedder, progress)
                count = _replace(store, embedder)
        try:
            drop_snapshots(folder)
            drop_copies(store)
        except (OSError, ToolkitError) as error:
            # Of another embedder: no search opens them any more.
            _log.warning("old search files could not be deleted: %s", error)
    return count


def _embed_missing(store: GalleryStore, embedder: Embedder, progress: Any) -> None:
    last = 0
    while rows := store.read(_MISSING, (last, _CHIPS_AT_ONCE)):
        size_px = embedder.geometry.size_px
        chips = network_input([_chip(row, store.path, size_px) for row in rows])
        unmasked = np.array([not row[3] for row in rows])
        vectors = embed_both(embedder, chips, unmasked)
        for row, embedding, reference in zip(rows, *vectors, strict=True):
            source = f"{store.path}: photo {row[0]} of {row[6]}"
            sealed: list[bytes | int | None] = []
            for part in (embedding, reference):
                if part is None:
                    sealed += [None, None]
                    continue
                check_embedding(part, source)
                blob = vector_bytes(part)
                sealed += [blob, seal(row[1], row[2], row[3], blob)]
            store.execute(
                "INSERT OR REPLACE INTO fresh VALUES (?, ?, ?, ?, ?, ?)",
                (row[0], row[1], *sealed),
            )
        last = rows[-1][0]
        progress.update(len(rows))


def _chip(row: Sequence[Any], path: Path, size_px: int) -> Image:
    photo_id, person_id, sha256, masked, data, kept, name = row
    problem = ""
    try:
        pixels = decode_rgb(data, "")
        if seal(person_id, sha256, masked, data) != kept:
            problem = "its checksum differs"
        elif pixels.shape == (size_px, size_px, 3):
            return pixels
        else:
            problem = f"it is {pixels.shape[1]} x {pixels.shape[0]} px, not {size_px}"
    except UnreadableImage:
        problem = "it is no image"
    raise BadRecord(
        f"{path}: the stored chip of photo {photo_id} is damaged ({problem}). Remove "
        f"{name} from the gallery and enroll them again; nothing was changed."
    )


def _replace(store: GalleryStore, embedder: Embedder) -> int:
    """Part of a change: the new vectors instead of the old ones."""
    same = store.meta("fingerprint") == embedder.fingerprint
    store.execute("DELETE FROM embeddings")
    store.execute("DELETE FROM masked_references")
    store.execute(_REPLACE, (embedder.fingerprint, embedder.dimension))
    store.execute(_REPLACE_REFERENCES)
    for key, value in embedder_meta(embedder).items():
        store.set_meta(key, value)
    if not same:
        store.execute("DELETE FROM meta WHERE key = 'calibration'")
    version = store.count_change()
    store.execute("UPDATE people SET changed = ?", (version,))
    count = int(store.read("SELECT COUNT(*) FROM embeddings")[0][0])
    store.record(
        "reembed",
        None,
        f"{counted(count, 'photo')}, embedder {embedder.fingerprint[:12]}",
    )
    return count
