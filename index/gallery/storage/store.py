"""The gallery's connection: reads, changes that are recorded, rows with checksums.

SQLite does not notice a flipped bit in a value, and one in an embedding makes an
enrolled person an impostor. CRC-32 finds every flip of up to 32 neighbouring bits and
all but one in four thousand million of other damage. More is not wanted: whoever
forges a row can forge any hash that lies beside it.
"""

from __future__ import annotations

import getpass
import logging
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from index.gallery.storage import database as gallery_file
from index.gallery.storage.backup import back_up
from index.gallery.storage.database import reported, transaction
from masking.datasets.images import SUFFIXES
from masking.errors import BadRecord, InvalidConfig, ToolkitError
from masking.files.text import is_control, normal_form
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import EmbeddedFace
from training.metrics.score_normalization import Cohort, EmbeddedFaces

_log = logging.getLogger(__name__)


class GalleryStore:
    """An open gallery file.

    Attributes:
        folder: of the gallery.
        path: of the SQLite file.
        read_only: nothing can be changed.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / gallery_file.FILE_NAME
        self.read_only = gallery_file.is_read_only(self.path)
        self._actor = _actor()
        self._sqlite = gallery_file.open_file(self.path)
        self._changed = False

    def close(self) -> None:
        """Release the file; after changes, first make the daily backup.

        A backup that cannot be made is only logged: the changes are stored.
        """
        try:
            if self._changed and gallery_file.backup_is_due(self.folder):
                back_up(self._sqlite, self.folder)
        except ToolkitError as error:
            _log.warning("there is no new backup: %s", error)
        finally:
            self._sqlite.close()

    def back_up(self) -> Path:
        """Make a backup now; a daily one is made without being asked."""
        return back_up(self._sqlite, self.folder)

    def read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        with reported(self.path):
            return self._sqlite.execute(query, values).fetchall()

    def read_parts(
        self, query: str, rows_at_once: int, values: Sequence[Any] = ()
    ) -> Iterator[list[Any]]:
        """The rows of a query, piece by piece."""
        with reported(self.path):
            cursor = self._sqlite.execute(query, values)
            while rows := cursor.fetchmany(rows_at_once):
                yield rows

    def execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run one statement of a change; returns the number of the last new row."""
        return int(self._sqlite.execute(statement, values).lastrowid or 0)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads of the block see one state, whatever other processes write."""
        with reported(self.path):
            self._sqlite.execute("BEGIN")
        try:
            yield
        finally:
            self._sqlite.rollback()

    @contextmanager
    def changes(self) -> Iterator[None]:
        """The block's changes happen together or not at all."""
        with reported(self.path), transaction(self._sqlite):
            yield
        self._changed = True

    def meta(self, key: str) -> str:
        """A value of the gallery as a whole; "" when it was never set."""
        rows = self.read("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else ""

    def set_meta(self, key: str, value: str) -> None:
        """Part of a change: store a value of the gallery as a whole."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def record(self, action: str, person_id: int | None, detail: str) -> None:
        """Part of a change: one line in the audit; `detail` must not name anybody."""
        self.execute(
            """INSERT INTO audit (time, actor, action, person_id, detail)
            VALUES (?, ?, ?, ?, ?)""",
            (utc_now(), self._actor, action, person_id, detail),
        )

    def count_change(self) -> int:
        """Part of a change of people or embeddings: the version that it makes."""
        version = int(self.meta("version")) + 1
        self.set_meta("version", str(version))
        return version

    def rewrite(self) -> None:
        """Copy all that is left into a fresh file, without what was deleted."""
        with reported(self.path):
            self._sqlite.execute("VACUUM")

    def checkpoint(self) -> bool:
        """Empty the write-ahead log; False when another process held it up."""
        with reported(self.path):
            row = self._sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not row[0]


def _actor() -> str:
    """The account that runs this process, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return f"uid {os.getuid()}"


def utc_now() -> str:
    """The time as galleries record it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


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
            # Not fromisoformat: what else than 2030-12-31 it takes differs by Python.
            day = datetime.strptime(self.retain_until, "%Y-%m-%d").date()
        except ValueError as error:
            raise InvalidConfig(
                f"retain-until is {self.retain_until!r}, expected a day such as "
                "2030-12-31."
            ) from error
        # 2030-1-31 would not sort among the others.
        object.__setattr__(self, "retain_until", day.isoformat())


NO_TERMS = Terms()


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
