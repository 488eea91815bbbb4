"""What goes into a gallery and what comes out, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from masking.errors import BadRecord
from masking.landmarks import Float32, Image


@dataclass(frozen=True, eq=False)
class NewPhoto:
    """One photograph of one person, ready to be stored.

    Attributes:
        name: whose it is, as `checked_name` returns it.
        sha256: of the photograph's file: the same photo is stored once a person.
        source: where the photograph came from.
        chip: (S, S, 3) uint8 RGB, the aligned face.
        embedding: (D,) float32 of the chip.
        masked: whether the person wears a mask in it.
    """

    name: str
    sha256: str
    source: str
    chip: Image
    embedding: Float32
    masked: bool = False


@dataclass(frozen=True)
class Person:
    """One person as lists show them; `created` is UTC, ISO 8601."""

    person_id: int
    name: str
    created: str
    photo_count: int


@dataclass(frozen=True, eq=False)
class GalleryPhoto:
    """A stored photograph that was compared with a probe.

    Attributes:
        chip: (S, S, 3) uint8 RGB.
        source: where the photograph came from.
        distance: of its embedding to the probe's; lower is closer.
    """

    chip: Image
    source: str
    distance: float


def checked_embedding(embedding: Float32, dimension: int, source: str) -> Float32:
    """The embedding as a contiguous (D,) float32 row.

    Raises:
        BadRecord: of another length, or not finite.
    """
    row = np.ascontiguousarray(embedding, dtype=np.float32)
    if row.shape != (dimension,):
        raise BadRecord(
            f"{source}: its embedding has shape {row.shape}, the gallery holds "
            f"({dimension},). Use the model that the gallery was made with."
        )
    if not np.isfinite(row).all():
        raise BadRecord(
            f"{source}: its embedding is not finite. The photo or the model is "
            "damaged; try another of either."
        )
    return row


def vector_bytes(row: Float32) -> bytes:
    """An embedding as it is stored: little-endian float32."""
    return row.astype("<f4").tobytes()


def vectors_from(blobs: list[bytes], dimension: int, path: Path) -> Float32:
    """Stored embeddings as (N, D) float32.

    Raises:
        BadRecord: a stored row has another length.
    """
    if any(len(blob) != 4 * dimension for blob in blobs):
        raise BadRecord(f"{path}: holds an embedding that is not {dimension} long.")
    rows = np.frombuffer(b"".join(blobs), dtype="<f4")
    return rows.reshape(len(blobs), dimension).astype(np.float32)
