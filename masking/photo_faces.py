"""Photographs to face chips, one or thousands, with a reason for every failure."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from masking.alignment import ChipGeometry, crop_chip
from masking.errors import ToolkitError
from masking.face_detection import Face, FaceFinder, default_finder
from masking.image_files import decode_rgb, file_sha256, read_bytes
from masking.landmarks import FaceChip


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
    if workers <= 1 or len(paths) < 2 * workers:
        finder = make_finder()
        for path in paths:
            yield photo_faces(path, finder, geometry)
        return
    # "spawn": dlib, OpenCV and torch threads do not survive a fork.
    with ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(geometry, make_finder),
    ) as pool:
        yield from pool.map(_work, paths, chunksize=8)


_worker: tuple[FaceFinder, ChipGeometry] | None = None


def _start_worker(
    geometry: ChipGeometry, make_finder: Callable[[], FaceFinder]
) -> None:
    import cv2

    global _worker
    # One process a core: threads inside of each would only wait for each other.
    cv2.setNumThreads(1)
    _worker = make_finder(), geometry


def _work(path: Path) -> PhotoFaces:
    if _worker is None:
        raise RuntimeError("worker was not started")
    finder, geometry = _worker
    return photo_faces(path, finder, geometry)
