"""Photographs to face chips, one or thousands, with a reason for every failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from masking.alignment import ChipGeometry, crop_chip
from masking.errors import ToolkitError
from masking.face_finding import Face, FaceFinder, default_finder
from masking.image_files import decode_rgb, file_sha256, read_bytes
from masking.landmarks import FaceChip
from masking.worker_pool import ordered_map


@dataclass(frozen=True, eq=False)
class PhotoFaces:
    """What was found in one photograph.

    Attributes:
        path: the photograph.
        sha256: of the file's bytes; "" when it could not be read.
        faces: all faces in photo px, the prominent one first.
        chips: one chip a face, same order.
        failure: why there is no chip; None when there is one.
    """

    path: Path
    sha256: str
    faces: tuple[Face, ...]
    chips: tuple[FaceChip, ...]
    failure: str | None


def photo_faces(path: Path, finder: FaceFinder, geometry: ChipGeometry) -> PhotoFaces:
    """Find and cut out all faces of one photograph; never raises ToolkitError."""
    sha256 = ""
    try:
        data = read_bytes(path)
        sha256 = file_sha256(data)
        image = decode_rgb(data, str(path))
    except ToolkitError as error:
        return PhotoFaces(path, sha256, (), (), str(error))
    faces = tuple(finder.find(image))
    chips = tuple(
        crop_chip(image, face.landmarks, geometry, str(path)) for face in faces
    )
    failure = None if faces else f"{path}: no face found."
    return PhotoFaces(path, sha256, faces, chips, failure)


def all_photo_faces(
    paths: Sequence[Path],
    geometry: ChipGeometry,
    workers: int,
    make_finder: Callable[[], FaceFinder] = default_finder,
) -> Iterator[PhotoFaces]:
    """`photo_faces` of many photographs, in order, in `workers` processes.

    Args:
        workers: 0 or 1 works in this process.
        make_finder: builds each process's finder; must be picklable.
    """
    make_step = partial(_PhotoStep, geometry, make_finder)
    return ordered_map(make_step, paths, workers)


class _PhotoStep:
    def __init__(self, geometry: ChipGeometry, make_finder: Callable[[], FaceFinder]):
        self._geometry, self._finder = geometry, make_finder()

    def __call__(self, path: Path) -> PhotoFaces:
        return photo_faces(path, self._finder, self._geometry)
