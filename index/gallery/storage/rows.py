"""What goes into a gallery and what comes out, row by row, with checksums.

SQLite does not notice a flipped bit in a value, and one in an embedding makes an
enrolled person an impostor. CRC-32 finds every flip of up to 32 neighbouring bits and
all but one in four thousand million of other damage. More is not wanted: whoever
forges a row can forge any hash that lies beside it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np

from index.gallery.storage.store import GalleryStore
from masking.datasets.images import SUFFIXES
from masking.errors import BadRecord, InvalidConfig
from masking.files.text import is_control, normal_form
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import EmbeddedFace
from training.metrics.pairs import EmbeddedFaces
from training.metrics.score_normalization import Cohort

# Folders of `identify --sort-into` that nobody's name is: so that what it wrote can be
# enrolled once the others have names.
NO_FACE, UNSURE = "no-face", "unsure"
_UNKNOWN = re.compile(r"unknown-\d+")

# person_id, sha256, whether masked, vector, seal.
SealedRow = tuple[int, str, int, bytes, int]


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


MAX_LENGTH = 200
# What file systems allow for a name: letters take up to four.
MAX_BYTES = 255


def checked_name(name: str) -> str:
    """The `normal_form` of a name that a person may have.

    Raises:
        InvalidConfig: empty, over MAX_LENGTH characters or MAX_BYTES, with control
            characters or line breaks, with a slash, nothing but dots, or a folder of
            `identify --sort-into`.
    """
    stripped = normal_form(name)
    if not 1 <= len(stripped) <= MAX_LENGTH:
        raise InvalidConfig(
            f"a name has 1 to {MAX_LENGTH} characters, got {len(stripped)}."
        )
    if any(map(is_control, stripped)):
        raise InvalidConfig(
            f"the name {stripped!a} holds a line break, another control "
            "character or bytes that are no UTF-8. Leave them out."
        )
    # Halves of letters, which have no bytes, were refused above.
    if (size := len(stripped.encode())) > MAX_BYTES:
        raise InvalidConfig(
            f"the name {stripped[:20]!r}... takes {size} bytes, a name has at most "
            f"{MAX_BYTES}, as that of a file. Shorten it."
        )
    if not stripped.strip("."):
        raise InvalidConfig(
            f"the name {stripped!r} means a folder. Give the person's name first, then "
            "the photographs."
        )
    if stripped in (NO_FACE, UNSURE) or _UNKNOWN.fullmatch(stripped):
        raise InvalidConfig(
            f"{stripped!r} stands for photos that were sorted and have no name yet. "
            "Call the folder by the person's name, or leave it out."
        )
    if "/" in stripped or "\\" in stripped:
        raise InvalidConfig(
            f"the name {stripped!r} looks like a path; a name has no slash. For "
            "enroll, give the person's name first, then the photographs."
        )
    return stripped


def typed_name(name: str) -> str:
    """`checked_name` of what a person typed; also refuses a forgotten name.

    Raises:
        InvalidConfig: as `checked_name`, or the name is an image or another file.
    """
    stripped = checked_name(name)
    path = Path(stripped)
    if path.suffix.lower() in SUFFIXES or path.is_file():
        raise InvalidConfig(
            f"the name {stripped!r} is a file. Give the person's name first, then "
            "the photographs."
        )
    return stripped


# 33 thousand pairs of people, read and compared in a tenth of a second.
MOST_PEOPLE, MOST_PHOTOS = 256, 4

# The same people as long as nobody comes or goes, wherever numbers come from.
_QUERY = """WITH chosen AS
        (SELECT id FROM people ORDER BY id * 40503 % 65536, id LIMIT ?),
    numbered AS (SELECT person_id, photo_id, sha256, worn, vector, seal,
            ROW_NUMBER() OVER (PARTITION BY person_id ORDER BY photo_id) AS place
        FROM template_rows WHERE masked = ? AND person_id IN chosen)
    SELECT person_id, sha256, worn, vector, seal, photo_id FROM numbered
    WHERE place <= ? ORDER BY person_id, photo_id"""


def read_sample(
    store: GalleryStore, masked: bool, cohort: Cohort | None
) -> EmbeddedFaces:
    """The first photos of at most MOST_PEOPLE, as templates are made of them.

    Args:
        masked: of the templates for masked faces.

    Raises:
        BadRecord: one is damaged.
    """
    rows = store.read(_QUERY, (MOST_PEOPLE, int(masked), MOST_PHOTOS))
    vectors = sealed_vectors(
        store, [row[:5] for row in rows], int(store.meta("dimension"))
    )
    people, photos = (
        np.array([row[place] for row in rows], dtype=np.int32) for place in (0, 5)
    )
    return EmbeddedFaces(vectors, people, photos, cohort)
