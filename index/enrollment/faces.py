"""Whom to enroll from which photographs, and the one face of each.

The photographs are those of a name, of a folder per person, or of a CSV.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from index.gallery.gallery import Gallery
from index.gallery.people import stored_hashes
from index.gallery.storage.store import checked_name, typed_name
from masking.datasets.collections import Collection
from masking.datasets.images import photo_list, refuse_other_kinds
from masking.errors import BadRecord, InvalidConfig, MissingInput, ToolkitError
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import (
    AlignedFace,
    AlignedPhoto,
    Finder,
    PhotoFile,
    read_faces,
    read_photo,
)
from masking.files.text import read_table, refuse_address
from masking.landmarks import FaceBox
from masking.workers import ordered_map

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


# Fraction of the first face's area, and of the picture's sides, within which another
# one may be meant.
_AS_LARGE, _AS_CENTRAL = 0.6, 0.15


class NamedFace(NamedTuple):
    """One face to enroll, and whose it is.

    Attributes:
        name: unchecked.
        face: cropped as the embedder reads it, or why there is none.
        masked: whether the person wears a mask; None when nobody said.
        enrolled: the person has this photo in the gallery; then nothing was done.
    """

    name: str
    face: AlignedFace
    masked: bool | None = None
    enrolled: bool = False


# A photo and the hashes of those that its person has already.
_Job = tuple[NamedPhoto, frozenset[str]]


class _Step:
    """Runs in each process of the pool."""

    def __init__(
        self, make_finder: Callable[[], Finder], geometry: ChipGeometry, number: int
    ):
        self._finder, self._geometry = make_finder(), geometry
        self._number = number

    def __call__(self, job: _Job | NamedFace) -> NamedFace:
        if isinstance(job, NamedFace):
            return job
        photo, stored = job
        source = str(photo.path)
        try:
            file = _file_of(photo)
            if file.sha256 in stored:
                face = AlignedFace(source, file.sha256)
                return NamedFace(photo.name, face, photo.masked, enrolled=True)
            read = read_faces(file, self._finder, [self._geometry])
        except ToolkitError as error:
            return _failed(photo, str(error), unread=True)
        number = photo.face or self._number
        if reason := _not_one(read, number):
            return _failed(photo, f"{source}: {reason}")
        face = read.faces[max(0, number - 1)] if read.faces else read.prominent
        return NamedFace(photo.name, face, photo.masked)


def _file_of(photo: NamedPhoto) -> PhotoFile:
    if photo.data is None:
        return read_photo(photo.path)
    refuse_other_kinds(photo.path)
    return PhotoFile(str(photo.path), photo.data)


def _not_one(photo: AlignedPhoto, number: int) -> str:
    """Why it is not clear which face is meant; "" where it is."""
    count = len(photo.faces)
    if number > max(1, count):
        return f"shows {count} faces, there is none with the number {number}."
    if number or count < 2 or not _alike(photo):
        return ""
    return (
        f"shows {count} faces, two of them alike in size and place. Say which with "
        "--face N, numbered as on the card of all faces that `identify` draws, or crop "
        "the photo."
    )


def _alike(photo: AlignedPhoto) -> bool:
    """Whether another face could as well be the subject as the most prominent one."""
    first, *others = (face.box for face in photo.faces)
    height, width = photo.image.shape[:2]

    def off(box: FaceBox) -> float:
        middle = (box.left + box.right) / 2 / width, (box.top + box.bottom) / 2 / height
        return math.hypot(middle[0] - 0.5, middle[1] - 0.5)

    return any(
        box.area_px > _AS_LARGE * first.area_px and off(box) < off(first) + _AS_CENTRAL
        for box in others
    )


def single_faces(
    photos: Iterable[NamedPhoto],
    gallery: Gallery,
    geometry: ChipGeometry,
    make_finder: Callable[[], Finder],
    workers: int,
    number: int = 0,
) -> Iterator[NamedFace]:
    """The face of each photograph, in their order; the bad ones never stop the rest.

    Photographs that are enrolled already are not looked at again, so that a run that
    was interrupted goes on where it stopped.

    Args:
        make_finder: builds a process's finder; picklable for more than one worker.
        workers: processes; 1 works in this one.
        number: of the face in a photo of several, from 1 for the most prominent; 0
            takes that one where no other could as well be meant. What a photo itself
            says counts more.
    """
    jobs = (_job(photo, gallery) for photo in photos)
    yield from ordered_map(partial(_Step, make_finder, geometry, number), jobs, workers)


def _job(photo: NamedPhoto, gallery: Gallery) -> _Job | NamedFace:
    if photo.refused:
        return _failed(photo, photo.refused, unread=True)
    try:
        name = checked_name(photo.name)
    except ToolkitError as error:
        return _failed(photo, f"{photo.path}: {error}", unread=True)
    return photo._replace(name=name), stored_hashes(gallery.store, name)


def _failed(photo: NamedPhoto, reason: str, unread: bool = False) -> NamedFace:
    face = AlignedFace(str(photo.path), failure=reason, unread=unread)
    return NamedFace(photo.name, face)
