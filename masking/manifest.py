"""The record of an augmented folder: one row for every photograph that went in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from masking.alignment import ChipGeometry
from masking.errors import BadRecord, MissingInput
from masking.image_files import file_sha256, write_bytes

FORMAT_VERSION = 1
MANIFEST = "manifest.jsonl"
JOURNAL = "manifest.partial.jsonl"


@dataclass(frozen=True)
class MaskedFile:
    """One masked variant: its file (relative to the folder) and its spec."""

    file: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class ManifestRow:
    """One photograph.

    Attributes:
        photo_id: path within the collection.
        identity: whose photograph it is.
        sha256: of the photograph's bytes; "" when unreadable.
        failure: why there is no chip; "" when there is one.
        detector: stage that found the face.
        faces: how many faces were found; the prominent one is used.
        landmarks: 68 [x, y] in photo px, two decimals.
        chip: file of the bare chip, relative to the folder.
        chip_landmarks: 68 [x, y] in chip px.
        masked: the masked variants of the chip.
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
    masked: list[MaskedFile] = field(default_factory=list)


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
        return [row for row in self.rows if not row.failure]


def write_manifest(
    folder: Path,
    config: dict[str, Any],
    geometry: ChipGeometry,
    rows: Iterable[ManifestRow],
) -> None:
    """Write the finished record; the journal of a running job is removed after."""
    ordered = sorted(rows, key=lambda row: row.photo_id)
    lines = [_header(config, geometry), *(_line(row) for row in ordered)]
    write_bytes(folder / MANIFEST, "".join(lines).encode())
    (folder / JOURNAL).unlink(missing_ok=True)


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
        header, *lines = data.decode().split("\n")
        record = json.loads(header)
        version = record["format_version"]
        if version == FORMAT_VERSION:
            rows = [_row(line) for line in lines if line]
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


class Journal:
    """Rows of a running job, flushed one by one, so that a kill loses none."""

    def __init__(self, folder: Path, config: dict[str, Any], geometry: ChipGeometry):
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._header = folder / JOURNAL, _header(config, geometry)
        self._file: IO[str] | None = None

    def earlier_rows(self) -> Iterator[ManifestRow]:
        """Rows of an interrupted or finished job with the same options."""
        for path in (self._path.with_name(MANIFEST), self._path):
            if not path.is_file():
                continue
            header, *lines = path.read_bytes().split(b"\n")
            if header != self._header.rstrip().encode():
                continue
            for line in lines:
                # A killed writer leaves half a line. What no longer is a row is
                # made again.
                with suppress(ValueError, KeyError, TypeError):
                    yield _row(line)

    def add(self, row: ManifestRow) -> None:
        """Append one row and hand it to the operating system."""
        if self._file is None:
            self._file = self._opened()
        with self._named():
            self._file.write(_line(row))
            self._file.flush()

    def _opened(self) -> IO[str]:
        if self._path.is_file():
            data = self._path.read_bytes()
            if data.startswith(self._header.encode()):
                os.truncate(self._path, data.rfind(b"\n") + 1)
                return self._path.open("a", encoding="utf-8", newline="\n")
        file = self._path.open("w", encoding="utf-8", newline="\n")
        file.write(self._header)
        return file

    def close(self) -> None:
        """Close the journal; it stays until `write_manifest` removes it."""
        if self._file is not None:
            with self._named():
                self._file.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """A full disk names no file."""
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error


def _header(config: dict[str, Any], geometry: ChipGeometry) -> str:
    record = {
        "format_version": FORMAT_VERSION,
        "config": config,
        "geometry": asdict(geometry),
    }
    return json.dumps(record, sort_keys=True) + "\n"


def _line(row: ManifestRow) -> str:
    # ASCII: names of files may hold line separators and bytes that are no Unicode.
    return json.dumps(asdict(row), sort_keys=True) + "\n"


def _row(line: str | bytes) -> ManifestRow:
    record = json.loads(line)
    masked = [MaskedFile(**item) for item in record.pop("masked")]
    return ManifestRow(masked=masked, **record)
