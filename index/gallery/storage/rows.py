"""What goes into a gallery and what comes out, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np

from masking.errors import BadRecord, InvalidConfig
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import EmbeddedFace


class PhotoRow(NamedTuple):
    """A photograph of one face as it is stored.

    Attributes:
        name: whose it is, as `checked_name` returns it.
        face: where it came from and whether it shows a mask.
        chip: the crop as the bytes of an image file.
        vector: the embedding as `vector_bytes` gives it.
        masked_reference: likewise; None where there is none.
    """

    name: str
    face: EmbeddedFace
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
