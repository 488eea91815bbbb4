"""labels.csv: which photographs of a folder show a mask, and whose they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from masking.errors import BadRecord, MissingInput
from masking.files.text import normal_form, read_table

LABELS = "labels.csv"
COLUMNS = ("person", "file", "mask")
NO_MASK = "no-mask"


@dataclass(frozen=True)
class LabelledPhoto:
    """One photograph of one known person.

    Attributes:
        path: the file.
        name: path relative to the folder, with "/": the same on every machine.
        person: whose face it shows.
        mask: kind of mask, NO_MASK without one.
    """

    path: Path
    name: str
    person: str
    mask: str = NO_MASK

    @property
    def masked(self) -> bool:
        """Whether the person wears a mask."""
        return self.mask != NO_MASK


def read_labels(folder: Path) -> list[LabelledPhoto]:
    """The rows of labels.csv: person, file (relative to the folder) and mask.

    Raises:
        MissingInput: no such table, no row, or a photograph is missing.
        BadRecord: a table that cannot be understood.
    """
    table = folder / LABELS
    photos = [
        _labelled(folder, row, where) for where, row in read_table(table, COLUMNS)
    ]
    missing = [photo for photo in photos if not photo.path.is_file()]
    if missing:
        raise MissingInput(
            f"{table}: {len(missing)} of {len(photos)} files are missing, first "
            f"{missing[0].name}. Put them back or remove their rows."
        )
    twice = [name for name, n in Counter(p.name for p in photos).items() if n > 1]
    if twice:
        raise BadRecord(f"{table}: {twice[0]} has two rows. Expected one a file.")
    if not photos:
        raise MissingInput(f"{table}: holds no row. Expected one a photograph.")
    return photos


def _labelled(folder: Path, row: dict[str, str], where: str) -> LabelledPhoto:
    person, file, mask = (row[column] for column in COLUMNS)
    if not all((person, file, mask)):
        raise BadRecord(f"{where}: empty field. Expected {', '.join(COLUMNS)}.")
    name = inner_name(file, where)
    return LabelledPhoto(folder / name, name, normal_form(person), mask)


def inner_name(file: str, where: str) -> str:
    """The name of a photograph in its folder, with "/".

    Raises:
        BadRecord: the path leaves the folder.
    """
    path = Path(file)
    if path.is_absolute() or ".." in path.parts:
        raise BadRecord(f"{where}: {file} leaves the folder. Expected a path in it.")
    return path.as_posix()
