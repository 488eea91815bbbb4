"""Finds faces with their landmarks: YuNet, then 68 points on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from masking.faces.detector import Detection, FaceBox, FaceDetector
from masking.faces.landmark_predictor import FivePointPredictor, LandmarkPredictor
from masking.faces.mean_face import CANONICAL_FACE
from masking.faces.model_files import (
    LANDMARKS_68,
    MASKED_LANDMARKS,
    dlib_model,
    own_model,
)
from masking.landmarks import Image, Landmarks, five_points

# Landmarks are believed whose eyes lie as near to the detector's, as a fraction of the
# side of the face: so do those of 98% of the faces in the benchmark's web photos.
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
