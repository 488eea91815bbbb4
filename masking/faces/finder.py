"""A photo to its faces: read, hash, decode, find boxes and 68 points, crop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from masking.datasets.images import decode_rgb, file_sha256, read_bytes
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.detector import Detection, FaceDetector
from masking.faces.landmark_predictor import FivePointPredictor, LandmarkPredictor
from masking.faces.mean_face import CANONICAL_FACE
from masking.files.model_files import (
    LANDMARKS_68,
    MASKED_LANDMARKS,
    dlib_model,
    own_model,
)
from masking.landmarks import POINT_COUNT, FaceBox, Image, Landmarks, five_points

# Landmarks are believed whose eyes lie as near to the detector's, as a fraction of the
# side of the face: so do those of 98% of the faces in the benchmark's web photos.
# Crops by the detector's five points are no way out: where both are .12 to .22 apart,
# M-U TAR at FAR 0.1% is .19 by those and .72 by the landmarks (32 training faces).
_AGREEMENT = 0.22
# The canonical face in a box of 1 px: its own square and .15 around it.
_IN_BOX = (five_points(CANONICAL_FACE) + np.float32(0.135)) / np.float32(1.3)
CROP = "crop"
# Below it a picture holds no face that could be rendered on.
_SMALLEST_CROP_PX = 24


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a photograph: where it is and its landmarks in photo px."""

    box: FaceBox
    landmarks: Landmarks


class Finder(Protocol):
    """Anything that finds faces with their landmarks."""

    def find(self, image: Image) -> list[Face]:
        """Faces of an (H, W, 3) uint8 RGB picture, the most prominent first."""

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the upright face in `box`, in px of the picture."""


class FaceFinder:
    """Boxes and landmarks of all faces of a photograph, the prominent one first."""

    def __init__(self, predictor: LandmarkPredictor | FivePointPredictor):
        self._detector, self._predictor = FaceDetector(), predictor

    def find(self, image: Image) -> list[Face]:
        """Faces of an (H, W, 3) uint8 RGB picture; the most prominent comes first.

        Prominent is large and near the middle: portraits put their subject there. A
        face whose landmarks do not lie where the detector saw its eyes is left out.
        """
        faces = []
        for found in self._detector.detect(image):
            landmarks = self._predictor.predict(image, found.points)
            if not _agree(landmarks, found):
                # In profile a second look leads away from the eyes, in half of the
                # cases too far.
                landmarks = self._predictor.first_look(image, found.points)
            if _agree(landmarks, found):
                faces.append(Face(found.box, landmarks))
        height, width = image.shape[:2]
        return sorted(faces, key=lambda face: -_prominence(face.box, width, height))

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the upright face in `box`, in px of the picture."""
        size = np.array([box.right - box.left, box.bottom - box.top], np.float32)
        points = _IN_BOX * size + np.array([box.left, box.top], np.float32)
        return self._predictor.predict(image, points)


def default_finder() -> FaceFinder:
    """For faces that may wear masks: eyes and brows are exact."""
    return FaceFinder(LandmarkPredictor(own_model(MASKED_LANDMARKS), steady=True))


def unmasked_finder() -> FaceFinder:
    """For unmasked faces: all 68 landmarks, which masks are rendered on."""
    return FaceFinder(unmasked_predictor())


def five_point_finder() -> FaceFinder:
    """For crops without a landmark model: what YuNet sees places the mean face."""
    return FaceFinder(FivePointPredictor())


def unmasked_predictor() -> LandmarkPredictor:
    """dlib's own landmarks."""
    return LandmarkPredictor(dlib_model(LANDMARKS_68))


def whole_picture(image: Image, finder: Finder) -> list[Face]:
    """The whole picture taken for one face, detector "crop"; [] when it is tiny."""
    height, width = image.shape[:2]
    if min(height, width) < _SMALLEST_CROP_PX:
        return []
    box = FaceBox(0.0, 0.0, float(width), float(height), 0.0, CROP)
    return [Face(box, finder.landmarks_in(image, box))]


def _agree(landmarks: Landmarks, found: Detection) -> bool:
    eyes = np.array(landmarks.eye_centres())
    away = np.linalg.norm(eyes - found.points[:2], axis=1)
    return bool(away.max() <= _AGREEMENT * found.side_px)


def _prominence(box: FaceBox, width: int, height: int) -> float:
    middle_x, middle_y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    off_x, off_y = middle_x / width - 0.5, middle_y / height - 0.5
    # A face at the edge must be about three times as large as one in the middle.
    return box.area_px * float(np.exp(-4.0 * (off_x**2 + off_y**2)))


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
