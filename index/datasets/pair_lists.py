"""Reads lists of pairs to verify: LFW's pairs.txt and CSV tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from masking.datasets.collections import (
    LABELS,
    NO_MASK,
    LabelledPhoto,
    inner_name,
    read_labels,
)
from masking.datasets.images import SUFFIXES
from masking.errors import BadRecord, MissingInput
from masking.files.text import normal_form, read_lines, read_table
from training.metrics.score_normalization import Indices

COLUMNS = ("file_a", "file_b", "same")
OPTIONAL = ("person_a", "person_b", "mask_a", "mask_b")
_SAME = {"1": True, "true": True, "yes": True, "same": True}
_SAME |= {"0": False, "false": False, "no": False, "different": False}
_LFW = (
    "Expected LFW's format: a line with the number of pairs (or of sets and of "
    "pairs), then NAME<tab>PHOTO<tab>PHOTO and NAME<tab>PHOTO<tab>NAME<tab>PHOTO lines."
)


@dataclass(frozen=True, eq=False)
class PairList:
    """Which photographs are compared.

    Attributes:
        photos: the photographs that occur, each once.
        pairs: (P, 2) int32, numbers of two photographs.
        same: (P,) bool, whether they show one person.
        folds: fold of each person, where the list comes in sets; else empty.
        named: the people are known; otherwise they are the groups of files that
            the list says to be the same, and two groups may be one person.
    """

    photos: list[LabelledPhoto]
    pairs: Indices
    same: NDArray[np.bool_]
    folds: dict[str, int]
    named: bool


def read_pair_list(folder: Path, table: Path) -> PairList:
    """The pairs of a .csv file, or of another file in LFW's format.

    labels.csv of the folder, where there is one, says who wears a mask.

    Args:
        folder: of the photographs.

    Raises:
        MissingInput: a file is missing.
        BadRecord: the list cannot be understood, or contradicts itself.
    """
    labels = read_labels(folder) if (folder / LABELS).is_file() else []
    known = {photo.name: photo for photo in labels}
    if table.suffix.lower() == ".csv":
        return _read_csv(folder, table, known)
    return _read_lfw(folder, table, known)


def _read_lfw(folder: Path, table: Path, known: dict[str, LabelledPhoto]) -> PairList:
    sets, size, rows = _lfw_rows(table)
    photos: dict[tuple[str, int], LabelledPhoto] = {}
    folds: dict[str, int] = {}
    ends = []
    for number, (where, fields) in enumerate(rows):
        # NAME a b is one person; NAME a NAME b are two.
        first = (fields[0], int(fields[1]))
        second = (fields[-2] if len(fields) == 4 else fields[0], int(fields[-1]))
        for person, photo in (first, second):
            fold = folds.setdefault(person, number // (2 * size))
            if fold != number // (2 * size):
                raise BadRecord(f"{where}: {person} is in two sets. {_LFW}")
            if (person, photo) not in photos:
                found = _lfw_photo(folder, person, photo, where)
                photos[person, photo] = known.get(found.name, found)
        ends.append((first, second))
    numbers = {key: number for number, key in enumerate(photos)}
    pairs = np.array([[numbers[a], numbers[b]] for a, b in ends], dtype=np.int32)
    same = np.array([a[0] == b[0] for a, b in ends])
    return PairList(
        list(photos.values()), pairs, same, folds if sets > 1 else {}, named=True
    )


def _lfw_rows(table: Path) -> tuple[int, int, list[tuple[str, list[str]]]]:
    """Number of sets, pairs of one kind in a set, and the rows with their places."""
    lines = [ln.split("\t") for ln in read_lines(table, "a list of pairs") if ln]
    header = lines[0] if lines else []
    if not all(field.isdecimal() for field in header) or len(header) not in (1, 2):
        raise BadRecord(f"{table}: not a list of pairs. {_LFW}")
    sets, size = (1, int(header[0])) if len(header) == 1 else map(int, header)
    rows = [(f"{table}, line {n}", fields) for n, fields in enumerate(lines, 1)][1:]
    for where, fields in rows:
        numbers = fields[1:] if len(fields) == 3 else fields[1::2]
        if len(fields) not in (3, 4) or not all(n.isdecimal() for n in numbers):
            raise BadRecord(f"{where}: not a pair. {_LFW}")
    if len(rows) != 2 * sets * size or not rows:
        raise BadRecord(
            f"{table}: announces {2 * sets * size} pairs, holds {len(rows)}. {_LFW}"
        )
    return sets, size, rows


def _lfw_photo(folder: Path, person: str, number: int, where: str) -> LabelledPhoto:
    stem = inner_name(f"{person}/{person}_{number:04d}", where)
    # The list is composed; file systems keep names as somebody wrote them.
    for form in (stem, unicodedata.normalize("NFD", stem)):
        for suffix in (".jpg", *sorted(SUFFIXES)):
            path = folder / (form + suffix)
            if path.is_file():
                return LabelledPhoto(path, form + suffix, person)
    raise MissingInput(
        f"{where}: {folder / stem}.jpg is missing. Give the folder that the list was "
        "made for."
    )


def _read_csv(folder: Path, table: Path, known: dict[str, LabelledPhoto]) -> PairList:
    rows = read_table(table, COLUMNS, OPTIONAL)
    photos: dict[str, LabelledPhoto] = {}
    ends, same = [], []
    for where, row in rows:
        if row["same"].lower() not in _SAME:
            raise BadRecord(
                f"{where}: same is {row['same']!r}, expected 1 (one person) or 0 (two)."
            )
        same.append(_SAME[row["same"].lower()])
        both = [_csv_photo(folder, row, end, where, known) for end in ("a", "b")]
        for photo in both:
            if photos.setdefault(photo.name, photo) != photo:
                raise BadRecord(f"{where}: {photo.name} had another person or mask.")
        ends.append([photo.name for photo in both])
    if not rows:
        raise MissingInput(f"{table}: holds no row. Expected one a pair.")
    named = [bool(photo.person) for photo in photos.values()]
    if any(named) and not all(named):
        raise BadRecord(f"{table}: names some people only. Expected all or none.")
    if not all(named):
        photos = _grouped(photos, ends, same)
    for (where, _), (first, second), one in zip(rows, ends, same, strict=True):
        if (photos[first].person == photos[second].person) != one:
            raise BadRecord(f"{where}: contradicts who the people are elsewhere.")
    numbers = {name: number for number, name in enumerate(photos)}
    pairs = np.array([[numbers[a], numbers[b]] for a, b in ends], dtype=np.int32)
    return PairList(list(photos.values()), pairs, np.array(same), {}, all(named))


def _csv_photo(
    folder: Path,
    row: dict[str, str],
    end: str,
    where: str,
    known: dict[str, LabelledPhoto],
) -> LabelledPhoto:
    """The photograph of one end; its person is "" where nothing names it."""
    name = inner_name(row[f"file_{end}"], where)
    labelled = known.get(name, LabelledPhoto(folder / name, name, ""))
    if not row[f"file_{end}"] or not labelled.path.is_file():
        raise MissingInput(f"{where}: {labelled.path} is not a file.")
    return LabelledPhoto(
        labelled.path,
        name,
        normal_form(row[f"person_{end}"]) or labelled.person,
        row[f"mask_{end}"] or labelled.mask or NO_MASK,
    )


def _grouped(
    photos: dict[str, LabelledPhoto],
    ends: Iterable[list[str]],
    same: Iterable[bool],
) -> dict[str, LabelledPhoto]:
    """People are groups of files that rows with same = 1 join."""
    group = {name: {name} for name in photos}
    for (first, second), one in zip(ends, same, strict=True):
        if one and group[first] is not group[second]:
            small, large = sorted((group[first], group[second]), key=len)
            large |= small
            for name in small:
                group[name] = large
    return {
        name: LabelledPhoto(
            photo.path, name, f"group of {min(group[name])}", photo.mask
        )
        for name, photo in photos.items()
    }
