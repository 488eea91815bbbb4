"""Whom to enroll from which photographs: a name, a folder per person, or a CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from index.gallery.storage.store import typed_name
from masking.datasets.collections import Collection
from masking.datasets.images import photo_list
from masking.errors import BadRecord, InvalidConfig, MissingInput
from masking.files.text import read_table, refuse_address

COLUMNS = ("person", "file")
# How people write it in tables; empty means that nobody said.
_ANSWERS = {
    "": None,
    **dict.fromkeys(("1", "yes", "true", "masked"), True),
    **dict.fromkeys(("0", "no", "false", "unmasked", "no-mask"), False),
}


class NamedPhoto(NamedTuple):
    """One photograph to enroll.

    Attributes:
        name: whose it is, unchecked.
        path: the file, which may be missing.
        masked: whether the person wears a mask in it; None when nobody said.
        refused: why it is not looked at, such as that it is nobody's; else "".
        face: number of the face that is meant, from 1; 0 when nobody said.
        data: the file's bytes where they are at hand and `path` only names them.
    """

    name: str
    path: Path
    masked: bool | None = None
    refused: str = ""
    face: int = 0
    data: bytes | None = None


def chosen_photos(
    name: str | None,
    paths: Sequence[Path],
    folder: Path | None,
    table: Path | None,
    masked: bool | None,
) -> list[NamedPhoto]:
    """The photographs of a name, of a folder per person, or of a table.

    Raises:
        InvalidConfig: not exactly one of the three, or a table and `masked`.
        MissingInput, BadRecord: as the function for that source.
    """
    if (name is not None) + (folder is not None) + (table is not None) != 1:
        raise InvalidConfig(
            "enroll takes a name and photographs, or --folder FOLDER, or --csv FILE."
        )
    if folder is not None:
        return photos_of_folders(folder, masked)
    if table is None:
        return photos_of_person(str(name), paths, masked)
    if masked is not None:
        raise InvalidConfig("a CSV says who is masked in its own column: masked.")
    return photos_of_table(table)


def photos_of_person(
    name: str, paths: Sequence[Path], masked: bool | None = None
) -> list[NamedPhoto]:
    """Photographs, or folders of them, that all show one person.

    Raises:
        InvalidConfig: a name that nobody can have.
        MissingInput: no photograph.
    """
    name = typed_name(name)
    if not paths:
        raise MissingInput(
            f"{name!r} is taken for a name, and no photo was given. To enroll a folder "
            "that has a folder per person: enroll --folder FOLDER."
        )
    return [NamedPhoto(name, photo, masked) for photo in photo_list(paths)]


def photos_of_folders(folder: Path, masked: bool | None = None) -> list[NamedPhoto]:
    """A folder per person, or CelebA: the name is that of the folder.

    Raises:
        MissingInput: no such folder, or no image in a person's folder.
    """
    return [
        NamedPhoto(photo.identity, photo.path, masked, photo.refused)
        for photo in Collection(folder)
    ]


def photos_of_table(table: Path) -> list[NamedPhoto]:
    """A CSV with the columns person and file, and perhaps masked (yes or no).

    Files are relative to the table's folder.

    Raises:
        MissingInput: no such file, or a table without rows.
        BadRecord: no such columns, an empty field, or masked neither yes nor no.
    """
    rows = read_table(table, COLUMNS, ("masked",))
    photos = [_photo(table.parent, row, where) for where, row in rows]
    if not photos:
        raise MissingInput(f"{table}: holds no row. Expected one a photograph.")
    return photos


def _photo(folder: Path, row: dict[str, str], where: str) -> NamedPhoto:
    person, file = (row[column] for column in COLUMNS)
    if not person or not file:
        raise BadRecord(f"{where}: empty field. Expected {', '.join(COLUMNS)}.")
    refuse_address(file)
    answer = row["masked"].lower()
    if answer not in _ANSWERS:
        raise BadRecord(f"{where}: masked is {answer!r}, expected yes, no or nothing.")
    return NamedPhoto(person, folder / file, _ANSWERS[answer])
