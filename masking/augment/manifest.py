"""The record of an augmented folder: one row for every photograph that went in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from masking.datasets.images import file_sha256
from masking.errors import BadRecord, MissingInput
from masking.faces.alignment import ChipGeometry
from masking.files.writing import replaced_file

FORMAT_VERSION = 2
MANIFEST = "manifest.jsonl"


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
        identity: whose photograph it is.
        sha256: of the photograph's bytes; "" when unreadable.
        failure: why there is nothing of it; "" when there is.
        unread: whether it could not be read.
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
        """The rows that have a chip."""
        return [row for row in self.rows if row.chip]


def write_manifest(path: Path, header: str, rows: Iterable[ManifestRow]) -> None:
    """Write a finished record; `rows` are sorted by photo_id and held one by one.

    Raises:
        ValueError: rows out of order, or two of one photograph.
    """
    last = ""
    with replaced_file(path) as file:
        file.write(header.encode())
        for row in rows:
            if last and row.photo_id <= last:
                raise ValueError(f"rows out of order: {row.photo_id!r} after {last!r}")
            last = row.photo_id
            file.write(line_of(row).encode())


def read_manifest(folder: Path) -> Manifest:
    """The record of an augmented folder.

    Reads older formats too.

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
        header, *lines = data.decode().split("\n")
        record = json.loads(header)
        version = record["format_version"]
        if version in _UPGRADES or version == FORMAT_VERSION:
            rows = [row_of(line, version) for line in lines if line]
            geometry = ChipGeometry(**record["geometry"])
            return Manifest(folder, record["config"], geometry, rows, file_sha256(data))
    except (ValueError, KeyError, TypeError) as error:
        raise BadRecord(
            f"{path}: damaged ({error}). Run again: python cli.py augment FOLDER"
        ) from error
    raise BadRecord(
        f"{path}: format version {version}, expected at most {FORMAT_VERSION}. Update "
        "the toolkit or run augment again."
    )


def rows_of(path: Path) -> Iterator[ManifestRow]:
    """Rows of a finished record of this version, one by one.

    Raises:
        ValueError, KeyError, TypeError: damaged.
    """
    with path.open("rb") as file:
        next(file)
        for line in file:
            yield row_of(line)


def header_of(config: dict[str, Any], geometry: ChipGeometry) -> str:
    """First line of a record: format, the options that decide its files."""
    record = {
        "format_version": FORMAT_VERSION,
        "config": config,
        "geometry": asdict(geometry),
    }
    return json.dumps(record, sort_keys=True) + "\n"


def line_of(row: ManifestRow) -> str:
    """A row as a line of the record."""
    # `asdict` would copy every number of the landmarks, one by one.
    photos = [
        vars(item) | {"worn": [vars(worn) for worn in item.worn]} for item in row.photos
    ]
    masked = [vars(item) for item in row.masked]
    record = vars(row) | {"masked": masked, "photos": photos}
    # ASCII: names of files may hold line separators and bytes that are no Unicode.
    return json.dumps(record, sort_keys=True) + "\n"


def row_of(line: str | bytes, version: int = FORMAT_VERSION) -> ManifestRow:
    """The row that a line of the record holds.

    Raises:
        ValueError, KeyError, TypeError: damaged.
    """
    record = json.loads(line)
    while version in _UPGRADES:
        record, version = _UPGRADES[version](record), version + 1
    masked = [MaskedFile(**item) for item in record.pop("masked")]
    photos = [_photo(item) for item in record.pop("photos")]
    return ManifestRow(masked=masked, photos=photos, **record)


def _photo(record: dict[str, Any]) -> MaskedPhoto:
    worn = [WornMask(**item) for item in record.pop("worn")]
    return MaskedPhoto(worn=worn, **record)


def upgrade_1_to_2(record: dict[str, Any]) -> dict[str, Any]:
    """A row of format 1, whose faces wore one mask and whose chips alone were kept."""
    masked = [
        {
            "file": item["file"],
            "specs": [item["spec"]],
            "wearing_style": item["spec"]["wearing_style"],
        }
        for item in record["masked"]
    ]
    return record | {"masked": masked, "photos": []}


_UPGRADES = {1: upgrade_1_to_2}
