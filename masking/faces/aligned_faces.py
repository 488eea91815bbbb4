"""One photograph to its face chips, with the reason when there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from masking.datasets.image_decoding import decode_rgb
from masking.datasets.images import file_sha256, read_bytes
from masking.errors import ToolkitError
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.finder import Face, FaceFinder
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
        unread: because the file could not be read.
    """

    path: Path
    sha256: str
    faces: tuple[Face, ...]
    chips: tuple[FaceChip, ...]
    failure: str | None
    unread: bool = False


def photo_faces(path: Path, finder: FaceFinder, geometry: ChipGeometry) -> PhotoFaces:
    """Find and cut out all faces of one photograph; never raises ToolkitError."""
    sha256 = ""
    try:
        data = read_bytes(path)
        sha256 = file_sha256(data)
        image = decode_rgb(data, str(path))
    except ToolkitError as error:
        return PhotoFaces(path, sha256, (), (), str(error), unread=True)
    faces = tuple(finder.find(image))
    chips = tuple(
        crop_chip(image, face.landmarks, geometry, str(path)) for face in faces
    )
    failure = None if faces else f"{path}: no face found."
    return PhotoFaces(path, sha256, faces, chips, failure)
