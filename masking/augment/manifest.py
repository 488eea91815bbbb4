"""The record of an augmented folder: one row for every photograph that went in."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from masking.datasets.images import file_sha256
from masking.errors import BadRecord, MissingInput
from masking.faces.alignment import ChipGeometry
from masking.files.writing import replaced_file
from masking.landmarks import POINT_COUNT

FORMAT_VERSION = 1
MANIFEST = "manifest.jsonl"
# Last line of a finished record: how many rows it holds.
END = "rows"
_SEAL = ', "crc32": '


@dataclass(frozen=True)
class MaskedFile:
    """One masked variant of the chip; files are relative to the folder.

    Attributes:
        file: the masked chip.
        specs: what the face wears in the order of rendering, the mask first.
        wearing_style: how the mask is worn.
        alpha: picture of what is worn, 0 none to 255 all; "" when not asked for.
        parts: picture of indices into PARTS; "" when not asked for.
    """

    file: str
    specs: list[dict[str, Any]]
    wearing_style: str
    alpha: str = ""
    parts: str = ""


@dataclass(frozen=True)
class WornMask:
    """What one face of a masked photograph wears.

    Attributes:
        face: which of the row's `face_landmarks`.
        specs: as in MaskedFile; empty when nothing could be rendered.
        wearing_style: how the mask is worn.
        failure: why nothing was rendered, else "".
    """

    face: int
    specs: list[dict[str, Any]]
    wearing_style: str
    failure: str = ""


@dataclass(frozen=True)
class MaskedPhoto:
    """One masked variant of the whole photograph.

    Attributes:
        file: the masked photograph, relative to the folder.
        worn: what each masked face wears.
        alpha, parts: as in MaskedFile, of the whole photograph.
    """

    file: str
    worn: list[WornMask]
    alpha: str = ""
    parts: str = ""


@dataclass(frozen=True)
class ManifestRow:
    """One photograph.

    Attributes:
        photo_id: path within the collection.
        identity: whose photograph it is; "" where nobody knows.
        sha256: of the photograph's bytes; "" when unreadable.
        failure: why there is nothing of it; "" when there is.
        unread: whether it could not be read.
        made_sha256: of the SHA-256s of all files that were made of it.
        wears_mask: the person wears a real mask: none is rendered on the photograph.
        collection: name of the folder that it comes from, where there are several.
        detector: stage that found the face.
        faces: how many faces were found; the prominent one is used.
        landmarks: 68 [x, y] of the prominent face in photo px, two decimals.
        chip: file of its unmasked chip, relative to the folder; "" when not asked for.
        chip_landmarks: 68 [x, y] in chip px.
        look: light, sharpness and grain of the chip, as `look_from_list` reads.
        masked: the masked variants of the chip.
        face_landmarks: 68 [x, y] of every face in photo px, the prominent one
            first, when photographs were asked for.
        photos: the masked variants of the photograph.
    """

    photo_id: str
    identity: str
    sha256: str
    failure: str = ""
    detector: str = ""
    faces: int = 0
    landmarks: list[list[float]] = field(default_factory=list)
    chip: str = ""
    chip_landmarks: list[list[float]] = field(default_factory=list)
    look: list[float] = field(default_factory=list)
    masked: list[MaskedFile] = field(default_factory=list)
    face_landmarks: list[list[list[float]]] = field(default_factory=list)
    photos: list[MaskedPhoto] = field(default_factory=list)
    unread: bool = False
    made_sha256: str = ""
    wears_mask: bool = False
    collection: str = ""

    def files(self) -> list[str]:
        """Every file that was made of the photograph, relative to the folder."""
        made = [self.chip]
        made += [n for item in self.masked for n in (item.file, item.alpha, item.parts)]
        made += [n for item in self.photos for n in (item.file, item.alpha, item.parts)]
        return [name for name in made if name]


@dataclass(frozen=True)
class Manifest:
    """An augmented folder.

    Attributes:
        folder: where it lies.
        config: the options that made it, JSON-able.
        geometry: of all chips.
        rows: sorted by photo_id.
        sha256: of the manifest file.
    """

    folder: Path
    config: dict[str, Any]
    geometry: ChipGeometry
    rows: list[ManifestRow]
    sha256: str

    def faces(self) -> list[ManifestRow]:
        """The rows of people's unmasked faces that have a chip."""
        return [row for row in self._chips(wears_mask=False) if row.identity]

    def masked_faces(self) -> list[ManifestRow]:
        """The rows of people's really masked faces that have a chip."""
        return [row for row in self._chips(wears_mask=True) if row.identity]

    def unlabelled_faces(self) -> list[ManifestRow]:
        """The rows of unmasked faces without a name that have a chip."""
        return [row for row in self._chips(wears_mask=False) if not row.identity]

    def _chips(self, wears_mask: bool) -> Iterator[ManifestRow]:
        return (r for r in self.rows if r.chip and r.wears_mask == wears_mask)


def write_manifest(path: Path, header: str, rows: Iterable[ManifestRow]) -> None:
    """Write a finished record; `rows` are sorted by photo_id and held one by one.

    Raises:
        ValueError: rows out of order, or two of one photograph.
    """
    count, last = 0, ""
    with replaced_file(path) as file:
        file.write(header.encode())
        for row in rows:
            if last and row.photo_id <= last:
                raise ValueError(f"rows out of order: {row.photo_id!r} after {last!r}")
            count, last = count + 1, row.photo_id
            file.write(line_of(row).encode())
        file.write(sealed_line({END: count}).encode())


def read_manifest(folder: Path) -> Manifest:
    """The record of an augmented folder.

    Raises:
        MissingInput: the folder has none.
        BadRecord: damaged, or written by a newer version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise MissingInput(
            f"{path}: no such file. Run first: python cli.py augment FOLDER"
        )
    data = path.read_bytes()
    try:
        header, *lines = data.splitlines()
        version = json.loads(header)["format_version"]
        if version == FORMAT_VERSION:
            record, rows = record_of(header), list(_counted(lines))
            geometry = ChipGeometry(**record["geometry"])
            return Manifest(folder, record["config"], geometry, rows, file_sha256(data))
    except (ValueError, KeyError, TypeError) as error:
        raise BadRecord(
            f"{path}: damaged ({error}). Run again: python cli.py augment FOLDER"
        ) from error
    raise BadRecord(
        f"{path}: format version {version}, expected {FORMAT_VERSION}. Update the "
        "toolkit or run augment again."
    )


def rows_of(path: Path) -> Iterator[ManifestRow]:
    """Rows of a finished record of this version, one by one.

    Raises:
        ValueError, KeyError, TypeError: damaged.
    """
    with path.open("rb") as file:
        next(file)
        yield from _counted(file)


def _counted(lines: Iterable[bytes]) -> Iterator[ManifestRow]:
    """The rows of lines that end with how many there are."""
    count, last, end = 0, "", None
    for line in lines:
        record = record_of(line)
        end = record.get(END)
        if end is None:
            row = row_in(record)
            if last and row.photo_id <= last:
                raise ValueError(f"{row.photo_id!r} is not in order")
            count, last = count + 1, row.photo_id
            yield row
    if end != count:
        raise ValueError(f"{count} rows, and its last line does not say so")


def header_of(config: dict[str, Any], geometry: ChipGeometry) -> str:
    """First line of a record: format, the options that decide its files."""
    record = {
        "format_version": FORMAT_VERSION,
        "config": config,
        "geometry": asdict(geometry),
    }
    return sealed_line(record)


def line_of(row: ManifestRow, stale: bool = False) -> str:
    """A row as a line of the record.

    Args:
        stale: of a run with other options.
    """
    # `asdict` would copy every number of the landmarks, one by one.
    photos = [
        vars(item) | {"worn": [vars(worn) for worn in item.worn]} for item in row.photos
    ]
    masked = [vars(item) for item in row.masked]
    record = vars(row) | {"masked": masked, "photos": photos}
    return sealed_line(record | {"stale": True} if stale else record)


def sealed_line(record: dict[str, Any]) -> str:
    """A record as a line of JSON that ends with its CRC-32."""
    # ASCII: names of files may hold line separators and bytes that are no Unicode.
    text = json.dumps(record, sort_keys=True)
    return f"{text[:-1]}{_SEAL}{zlib.crc32(text.encode())}}}\n"


def record_of(line: bytes) -> dict[str, Any]:
    """What `sealed_line` made a line of.

    Raises:
        ValueError: damaged.
    """
    body, _, kept = line.decode().rstrip("\n").rpartition(_SEAL)
    text = body + "}"
    if kept != f"{zlib.crc32(text.encode())}}}":
        raise ValueError(f"the checksum of a line differs: {body[:60]!r}")
    record: dict[str, Any] = json.loads(text)
    return record


def row_in(record: dict[str, Any]) -> ManifestRow:
    """The row that a record holds.

    Raises:
        ValueError, KeyError, TypeError: it holds none.
    """
    masked = [_made(MaskedFile, item) for item in record["masked"]]
    photos = [_photo(item) for item in record["photos"]]
    row = _made(ManifestRow, record | {"masked": masked, "photos": photos})
    for points in (row.landmarks, row.chip_landmarks, *row.face_landmarks):
        if points and np.asarray(points, np.float32).shape != (POINT_COUNT, 2):
            raise ValueError("landmarks that are not 68 points")
    np.asarray(row.look, np.float32)
    return row


def _photo(record: Any) -> MaskedPhoto:
    worn = [_made(WornMask, item) for item in record["worn"]]
    return _made(MaskedPhoto, record | {"worn": worn})


def _made(kind: type[_Record], record: Any) -> _Record:
    """A record of `kind` whose fields are what they are said to be."""
    made = kind(**record)
    for item in fields(kind):
        wanted = _TYPES[str(item.type).partition("[")[0]]
        value = getattr(made, item.name)
        if type(value) is not wanted:
            raise TypeError(f"{item.name}: {value!r:.40}")
    return made


_Record = TypeVar("_Record", MaskedFile, WornMask, MaskedPhoto, ManifestRow)
_TYPES = {"str": str, "int": int, "bool": bool, "list": list}
