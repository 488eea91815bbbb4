"""Records of the parts that several machines made of one collection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from heapq import merge
from operator import attrgetter
from pathlib import Path

from masking.augment.manifest import MANIFEST, ManifestRow, rows_of
from masking.datasets.folders import Shard
from masking.errors import BadRecord, MissingInput

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
