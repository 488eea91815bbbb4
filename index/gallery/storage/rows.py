"""What goes into a gallery and what comes out, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np

from masking.errors import BadRecord, InvalidConfig
from masking.landmarks import Float32, Image

# Face networks answer with norms of about 1 to 30; one whose weights are damaged with
# any number, whose square need not fit float32.
MAX_NORM = 1e6


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
        masked_reference: (D,) float32 of an unmasked face, for comparing masked ones
            with (see `training.embedders.masked_reference`); None for a masked one.
    """

    name: str
    sha256: str
    source: str
    chip: Image
    embedding: Float32
    masked: bool = False
    masked_reference: Float32 | None = None


class PhotoRow(NamedTuple):
    """A checked photograph as it is stored.

    Attributes:
        name: as `checked_name` returns it.
        chip: the chip as the bytes of an image file.
        vector: the embedding as `vector_bytes` gives it.
        masked_reference: likewise; None where there is none.
    """

    name: str
    photo: NewPhoto
    chip: bytes
    vector: bytes
    masked_reference: bytes | None


@dataclass(frozen=True)
class Terms:
    """On what grounds a person is kept, and how long.

    Attributes:
        consent: a note: who agreed to what, when and where that is filed.
        retain_until: the last day on which they are kept, YYYY-MM-DD; "" = no end.
    """

    consent: str = ""
    retain_until: str = ""

    def __post_init__(self) -> None:
        if not self.retain_until:
            return
        try:
            day = date.fromisoformat(self.retain_until)
        except ValueError as error:
            raise InvalidConfig(
                f"retain-until is {self.retain_until!r}, expected a day such as "
                "2030-12-31."
            ) from error
        # Python also reads 20301231, which would not sort among the others.
        object.__setattr__(self, "retain_until", day.isoformat())


NO_TERMS = Terms()


@dataclass(frozen=True)
class Person:
    """One person as lists show them; `created` is UTC, ISO 8601.

    Attributes:
        consent, retain_until: see Terms.
    """

    person_id: int
    name: str
    created: str
    photo_count: int
    consent: str = ""
    retain_until: str = ""


@dataclass(frozen=True)
class AuditEntry:
    """One change: when (UTC), by which account, what, and whose record.

    Attributes:
        person_id: people are recorded by number only, which is never given again, so
            that nobody's name outlives their removal; None = everybody.
    """

    time: str
    actor: str
    action: str
    person_id: int | None
    detail: str


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
        BadRecord: of another length, not finite, or of a norm above MAX_NORM.
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
    # float64: the squares of large numbers overflow float32.
    if (norm := float(np.linalg.norm(row.astype(np.float64)))) > MAX_NORM:
        raise BadRecord(
            f"{source}: its embedding has norm {norm:g}, expected at most "
            f"{MAX_NORM:g}. The model is damaged; use another one."
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
