"""Checksums of what a gallery stores of a photo, so that damage is not believed.

SQLite does not notice a flipped bit in a value, and one in an embedding makes an
enrolled person an impostor. CRC-32 finds every flip of up to 32 neighbouring bits and
all but one in four thousand million of other damage. More is not wanted: whoever
forges a row can forge any hash that lies beside it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from index.gallery.storage.rows import vectors_from
from index.gallery.storage.store import GalleryStore
from masking.errors import BadRecord
from masking.landmarks import Float32

# person_id, sha256, whether masked, vector, seal.
SealedRow = tuple[int, str, int, bytes, int]


def seal(person_id: int, sha256: str, masked: bool | int, data: bytes) -> int:
    """CRC-32 of a chip or vector, and of whose and which photo's it is."""
    return zlib.crc32(data, zlib.crc32(f"{person_id} {sha256} {masked:d} ".encode()))


def sealed_vectors(
    store: GalleryStore, rows: Sequence[SealedRow], dimension: int
) -> Float32:
    """Stored embeddings as (N, D) float32.

    Raises:
        BadRecord: one is damaged; names the photo and its person.
    """
    for person_id, sha256, masked, vector, kept in rows:
        if seal(person_id, sha256, masked, vector) != kept:
            raise _damage(store, person_id, sha256)
    return vectors_from([row[3] for row in rows], dimension, store.path)


def _damage(store: GalleryStore, person_id: int, sha256: str) -> BadRecord:
    rows = store.read(
        """SELECT name, source FROM photos LEFT JOIN people ON people.id = person_id
        WHERE person_id = ? AND sha256 = ?""",
        (person_id, sha256),
    )
    name, source = rows[0] if rows else (f"person {person_id}", sha256)
    return BadRecord(
        f"{store.path}: the embedding of {source}, a photo of {name}, is damaged "
        "(its checksum differs). Make it again from the stored chip with: python "
        "cli.py gallery rebuild, or put back a backup: python cli.py gallery restore"
    )
