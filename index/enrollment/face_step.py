"""Finds the one face of each photograph that is not enrolled yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from index.enrollment.sources import NamedPhoto
from index.gallery.gallery import Gallery
from index.gallery.people import photo_is_stored
from index.gallery.storage.names import checked_name
from masking.datasets.images import file_sha256, read_bytes
from masking.errors import ToolkitError
from masking.faces.aligned_faces import PhotoFaces, photo_faces
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import FaceFinder
from masking.landmarks import Image
from masking.workers import ordered_map


class FoundFace(NamedTuple):
    """What one photograph gave.

    Attributes:
        known: whether the same person has it in the gallery; then nothing was done.
        failure: why there is no chip; "" when there is one.
        unread: because the file was not or could not be read.
        sha256: of the file.
        pixels: (S, S, 3) uint8 RGB chip; None without one.
    """

    photo: NamedPhoto
    known: bool = False
    failure: str = ""
    sha256: str = ""
    pixels: Image | None = None
    unread: bool = False


class _Step:
    """Runs in each process of the pool."""

    def __init__(self, make_finder: Callable[[], FaceFinder], geometry: ChipGeometry):
        self._finder, self._geometry = make_finder(), geometry

    def __call__(self, photo: NamedPhoto | FoundFace) -> FoundFace:
        if isinstance(photo, FoundFace):
            return photo
        found = photo_faces(photo.path, self._finder, self._geometry)
        failure = _failure(found)
        pixels = None if failure else found.chips[0].pixels
        return FoundFace(photo, False, failure, found.sha256, pixels, found.unread)


def single_faces(
    photos: Iterable[NamedPhoto],
    gallery: Gallery,
    geometry: ChipGeometry,
    make_finder: Callable[[], FaceFinder],
    workers: int,
) -> Iterator[FoundFace]:
    """What each photograph gave, in their order; the bad ones never stop the rest.

    Photographs that are enrolled already are not looked at again, so that a run that
    was interrupted goes on where it stopped.

    Args:
        make_finder: builds a process's finder; picklable for more than one worker.
        workers: processes; 1 works in this one.
    """
    ready = (_looked_up(photo, gallery) for photo in photos)
    yield from ordered_map(partial(_Step, make_finder, geometry), ready, workers)


def _looked_up(photo: NamedPhoto, gallery: Gallery) -> NamedPhoto | FoundFace:
    """The photo if it has to be looked at, else what is known of it."""
    if photo.refused:
        return FoundFace(photo, failure=photo.refused, unread=True)
    try:
        photo = photo._replace(name=checked_name(photo.name))
    except ToolkitError as error:
        return FoundFace(photo, failure=f"{photo.path}: {error}", unread=True)
    try:
        sha256 = file_sha256(read_bytes(photo.path))
    except ToolkitError as error:
        return FoundFace(photo, failure=str(error), unread=True)
    if photo_is_stored(gallery.store, photo.name, sha256):
        return FoundFace(photo, known=True, sha256=sha256)
    return photo


def _failure(found: PhotoFaces) -> str:
    if found.failure:
        return found.failure
    if len(found.chips) > 1:
        return (
            f"{found.path}: shows {len(found.chips)} faces, one is needed. Crop the "
            "photo to the person."
        )
    return ""
