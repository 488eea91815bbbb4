"""A photo to its aligned faces: read, hash, decode, find, crop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from masking.datasets.images import decode_rgb, file_sha256, read_bytes
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.detector import FaceBox
from masking.faces.finder import Face, Finder
from masking.landmarks import POINT_COUNT, Image, Landmarks

_NO_BOX = FaceBox(0.0, 0.0, 0.0, 0.0, 0.0, "")
_NO_LANDMARKS = Landmarks(np.zeros((POINT_COUNT, 2), np.float32))

# What stands in for a picture in which nothing was found, such as its whole area.
Fallback = Callable[[Image, Finder], list[Face]]


@dataclass(frozen=True)
class PhotoFile:
    """The bytes of an image file.

    Attributes:
        source: name of the photo, for messages and records.
        data: the file's bytes.
        sha256: of them, hex.
    """

    source: str
    data: bytes = field(repr=False)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", file_sha256(self.data))


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """One face, cropped as embedders read it, or why there is none.

    Attributes:
        source: name of the photo, for messages and records.
        sha256: of the photo's file, hex; "" when it could not be read.
        box: px of the photo; all zero when no face was found.
        landmarks: 68 points, px of the photo; all zero when no face was found.
        crops: one (S, S, 3) uint8 RGB crop per geometry; () when no face was found.
        failure: why there is no face; "" when there is one.
        unread: because the file was not or could not be read.
    """

    source: str
    sha256: str = ""
    box: FaceBox = _NO_BOX
    landmarks: Landmarks = _NO_LANDMARKS
    crops: tuple[Image, ...] = ()
    failure: str = ""
    unread: bool = False

    @property
    def crop(self) -> Image:
        """(S, S, 3) uint8 RGB in the first geometry."""
        return self.crops[0]


@dataclass(frozen=True, eq=False)
class AlignedPhoto:
    """A decoded photo with all its faces.

    Attributes:
        source: name of the photo, for messages and records.
        sha256: of the photo's file, hex.
        image: (H, W, 3) uint8 RGB.
        faces: the most prominent first; () when none was found.
    """

    source: str
    sha256: str
    image: Image
    faces: tuple[AlignedFace, ...]

    @property
    def prominent(self) -> AlignedFace:
        """The most prominent face, or the failure to find one."""
        if self.faces:
            return self.faces[0]
        reason = f"{self.source}: no face found."
        return AlignedFace(self.source, self.sha256, failure=reason)


def read_photo(path: Path, source: str = "") -> PhotoFile:
    """A photo's bytes and hash; `source` names it instead of the path.

    Raises:
        UnreadableImage: as `read_bytes`.
    """
    return PhotoFile(source or str(path), read_bytes(path, source))


def read_faces(
    file: PhotoFile,
    finder: Finder,
    geometries: Sequence[ChipGeometry] = (),
    fallback: Fallback | None = None,
) -> AlignedPhoto:
    """Decode a photo, find all its faces and crop each for every geometry.

    Args:
        fallback: gives faces where the finder finds none.

    Raises:
        UnreadableImage: no image, damaged or too large.
    """
    image = decode_rgb(file.data, file.source)
    return align_faces(image, file.source, file.sha256, finder, geometries, fallback)


def align_faces(
    image: Image,
    source: str,
    sha256: str,
    finder: Finder,
    geometries: Sequence[ChipGeometry],
    fallback: Fallback | None = None,
) -> AlignedPhoto:
    """`read_faces` of an (H, W, 3) uint8 RGB picture that is decoded already."""
    found = finder.find(image)
    if not found and fallback is not None:
        found = fallback(image, finder)
    faces = tuple(align(image, face, source, sha256, geometries) for face in found)
    return AlignedPhoto(source, sha256, image, faces)


def align(
    image: Image,
    face: Face,
    source: str,
    sha256: str,
    geometries: Sequence[ChipGeometry],
) -> AlignedFace:
    """Crop one face of an (H, W, 3) uint8 RGB picture for every geometry."""
    crops = tuple(
        crop_chip(image, face.landmarks, geometry, source).pixels
        for geometry in geometries
    )
    return AlignedFace(source, sha256, face.box, face.landmarks, crops)
