"""Finds the one face of each photograph that is not enrolled yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from index.enrollment.sources import NamedPhoto
from index.gallery.gallery import Gallery
from index.gallery.people import stored_hashes
from index.gallery.storage.names import checked_name
from masking.errors import ToolkitError
from masking.faces.aligned_faces import AlignedFace, read_faces, read_photo
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import FaceFinder
from masking.workers import ordered_map


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

    def __init__(self, make_finder: Callable[[], FaceFinder], geometry: ChipGeometry):
        self._finder, self._geometry = make_finder(), geometry

    def __call__(self, job: _Job | NamedFace) -> NamedFace:
        if isinstance(job, NamedFace):
            return job
        photo, stored = job
        source = str(photo.path)
        try:
            file = read_photo(photo.path)
            if file.sha256 in stored:
                face = AlignedFace(source, file.sha256)
                return NamedFace(photo.name, face, photo.masked, enrolled=True)
            read = read_faces(file, self._finder, [self._geometry])
        except ToolkitError as error:
            return _failed(photo, str(error), unread=True)
        if len(read.faces) > 1:
            return _failed(
                photo,
                f"{source}: shows {len(read.faces)} faces, one is needed. Crop the "
                "photo to the person.",
            )
        return NamedFace(photo.name, read.prominent, photo.masked)


def single_faces(
    photos: Iterable[NamedPhoto],
    gallery: Gallery,
    geometry: ChipGeometry,
    make_finder: Callable[[], FaceFinder],
    workers: int,
) -> Iterator[NamedFace]:
    """The face of each photograph, in their order; the bad ones never stop the rest.

    Photographs that are enrolled already are not looked at again, so that a run that
    was interrupted goes on where it stopped.

    Args:
        make_finder: builds a process's finder; picklable for more than one worker.
        workers: processes; 1 works in this one.
    """
    jobs = (_job(photo, gallery) for photo in photos)
    yield from ordered_map(partial(_Step, make_finder, geometry), jobs, workers)


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
