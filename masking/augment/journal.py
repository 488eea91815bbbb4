"""Rows of a running job, on disk one by one, so that a kill loses none.

Several machines make one collection in parts; each part has records of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import IO

from masking.augment.manifest import (
    MANIFEST,
    ManifestRow,
    line_of,
    record_of,
    row_in,
    rows_of,
    sealed_line,
    write_manifest,
)
from masking.datasets.folders import Shard
from masking.errors import BadRecord, MissingInput
from masking.files.writing import private_folder, replaced_file


class Journal:
    """The record of a running job; becomes its manifest.

    Rows are added in the order of their photo_id. Nothing is held in memory:
    rows of earlier runs are read from their files, which are in that order too.
    A row of an earlier run that is still true is noted by its name alone. Of a killed
    run with other options the rows are kept as stale: their files are to be deleted.
    """

    def __init__(self, manifest: Path, header: str, others: Iterable[Path] = ()):
        """
        Args:
            manifest: file to make; the journal lies beside it until it is made.
            header: first line of it; rows under another header do not count.
            others: more finished or partial records to take rows from.
        """
        private_folder(manifest.parent)
        self._manifest, self._header = manifest, header
        self._path = partial_of(manifest)
        self._sources = list(dict.fromkeys([*others, manifest, self._path]))
        self._runs: list[_Run] | None = None
        self._file: IO[bytes] | None = None
        self._start = 0

    def earlier_rows(self) -> Iterator[ManifestRow]:
        """Rows of interrupted or finished jobs with the same options, by photo_id.

        Of several rows of one photograph the last written counts.
        """
        if self._runs is None:
            found = (_sorted_runs(path, self._header) for path in self._sources)
            self._runs = [run for runs in found for run in runs]
        rows = merge(*(run.rows() for run in self._runs), key=attrgetter("photo_id"))
        for _, same in groupby(rows, key=attrgetter("photo_id")):
            *_, row = same
            yield row

    def add(self, row: ManifestRow) -> None:
        """Append one row and hand it to the operating system."""
        self._append(line_of(row))

    def keep(self, photo_id: str) -> None:
        """Note that the earlier row of a photograph is still true."""
        self._append(sealed_line({"kept": photo_id}))

    def _append(self, line: str) -> None:
        if self._file is None:
            self._file = self._opened()
        with self._named():
            self._file.write(line.encode())
            self._file.flush()

    def _opened(self) -> IO[bytes]:
        header = self._header.encode()
        if self._path.is_file():
            whole = _whole_lines(self._path, header)
            if whole:
                os.truncate(self._path, whole)
                self._start = whole
                return self._path.open("ab")
        with replaced_file(self._path) as new:
            new.write(header)
            for row in recorded_rows(self._path):
                new.write(line_of(row, stale=True).encode())
        file = self._path.open("ab")
        self._start = file.tell()
        return file

    def close(self) -> None:
        """Close the journal; it stays until `finish`."""
        if self._file is not None:
            with self._named():
                self._file.close()

    def records(self) -> list[Path]:
        """All from which this run started, and its journal."""
        return self._sources

    def finish(self) -> None:
        """Write the manifest of the rows that were added and kept."""
        self.close()
        write_manifest(self._manifest, self._header, self.rows())
        self._path.unlink(missing_ok=True)

    def rows(self) -> Iterator[ManifestRow]:
        """What was added and kept in this run, in that order."""
        if self._file is None:
            return
        earlier = self.earlier_rows()
        with self._path.open("rb") as file:
            file.seek(self._start)
            for line in file:
                record = record_of(line)
                if "kept" in record:
                    yield next(r for r in earlier if r.photo_id == record["kept"])
                else:
                    yield row_in(record)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """A full disk names no file."""
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error


def partial_of(manifest: Path) -> Path:
    """The journal of a manifest."""
    return manifest.with_name(f"{manifest.stem}.partial{manifest.suffix}")


def recorded_rows(path: Path) -> Iterator[ManifestRow]:
    """Every row of a manifest or a journal, whatever its header; stale ones too."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            # Headers, notes that a row is kept, and half a line are none.
            with suppress(ValueError, KeyError, TypeError):
                record = record_of(line)
                record.pop("stale", None)
                yield row_in(record)


@dataclass
class _Run:
    """Part of a record in which rows are in order, from `start` to `end` bytes."""

    path: Path
    start: int
    end: int

    def rows(self) -> Iterator[ManifestRow]:
        with self.path.open("rb") as file:
            file.seek(self.start)
            while (place := file.tell()) < self.end:
                row = _row_in(file.readline(self.end - place))
                if row is not None:
                    yield row


def _sorted_runs(path: Path, header: str) -> list[_Run]:
    """The parts of a record that are in order: one for each time it was run."""
    runs: list[_Run] = []
    if not path.is_file():
        return runs
    with path.open("rb") as file:
        if file.readline() != header.encode():
            return runs
        place, last = file.tell(), ""
        for line in file:
            row = _row_in(line)
            if row is not None:
                if not runs or row.photo_id < last:
                    runs.append(_Run(path, place, place))
                last = row.photo_id
                runs[-1].end = place + len(line)
            place += len(line)
    return runs


def _row_in(line: bytes) -> ManifestRow | None:
    # A killed writer leaves half a line. What no longer is a row is made again.
    if line.endswith(b"\n"):
        with suppress(ValueError, KeyError, TypeError):
            return row_in(record_of(line))
    return None


def _whole_lines(path: Path, header: bytes) -> int:
    """Bytes up to the end of the last whole line; 0 under another header."""
    with path.open("rb") as file:
        if file.read(len(header)) != header:
            return 0
        size = file.seek(0, os.SEEK_END)
        # Half a line is shorter than this, unless a photograph shows a crowd.
        step = 1 << 16
        for end in range(size, len(header), -step):
            start = max(len(header), end - step)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
        return len(header)


_PART = re.compile(r"shard-([0-9]+)-of-([0-9]+)")
# What part_file and partial_of call the files of a part.
_OF_PARTS = re.compile(
    r"(manifest|report|preview|kinds)\.shard-[0-9]+-of-[0-9]+(\.partial)?\.[a-z]+"
)


def part_file(out: Path, name: str, shard: Shard) -> Path:
    """A file of the whole collection, or its counterpart of one part."""
    whole = out / name
    if shard.is_whole:
        return whole
    part = f"{whole.stem}.shard-{shard.number}-of-{shard.count}{whole.suffix}"
    return whole.with_name(part)


def all_records(out: Path) -> list[Path]:
    """Finished and partial records of all parts, finished ones first."""
    found = sorted(out.glob("manifest.shard-*.jsonl"))
    return sorted(found, key=lambda path: ".partial" in path.name)


def remove_parts(out: Path) -> None:
    """Delete what belongs to parts: the whole collection was done at once."""
    for path in sorted(out.iterdir()):
        if _OF_PARTS.fullmatch(path.name):
            path.unlink(missing_ok=True)


def merged_parts(out: Path) -> tuple[str, Iterator[ManifestRow]]:
    """Header and rows of all parts together, sorted by photo_id, read one by one.

    Raises:
        MissingInput: a part is not there.
        BadRecord: a part is damaged, or was made with other options.
    """
    paths = _complete(out)
    headers = {path: _first_line(path) for path in paths}
    for path in paths[1:]:
        if headers[path] != headers[paths[0]]:
            raise BadRecord(
                f"{path}: was made with other options than {paths[0].name}. Run its "
                "--shard again with the same options."
            )
    rows = merge(*(_checked(path) for path in paths), key=attrgetter("photo_id"))
    return headers[paths[0]], rows


def _complete(out: Path) -> list[Path]:
    """The records of parts 1 to N."""
    numbers: dict[int, set[int]] = {}
    for path in all_records(out):
        found = _PART.search(path.name)
        if found and ".partial" not in path.name:
            numbers.setdefault(int(found[2]), set()).add(int(found[1]))
    if len(numbers) != 1:
        ways = ", ".join(str(count) for count in sorted(numbers)) or "none"
        raise MissingInput(
            f"{out}: expected the records of one division into parts, found {ways}. "
            "Run first: python cli.py augment FOLDER --shard I/N, for each I"
        )
    count, present = numbers.popitem()
    missing = sorted(set(range(1, count + 1)) - present)
    if missing:
        raise MissingInput(
            f"{out}: of {count} parts these are missing: "
            f"{', '.join(str(number) for number in missing)}. Run for each: python "
            f"cli.py augment FOLDER --shard I/{count}"
        )
    shards = (Shard(number, count) for number in range(1, count + 1))
    return [part_file(out, MANIFEST, shard) for shard in shards]


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline().decode("utf-8", "replace")


def _checked(path: Path) -> Iterator[ManifestRow]:
    try:
        yield from rows_of(path)
    except (ValueError, KeyError, TypeError) as error:
        raise BadRecord(f"{path}: damaged ({error}). Run its --shard again.") from error
