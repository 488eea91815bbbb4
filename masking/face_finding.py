"""Finds faces with their landmarks: a cascade of detectors, then 68 points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masking.face_detection import (
    BORDER,
    CascadeDetector,
    CnnDetector,
    FaceBox,
    FaceDetector,
    HogDetector,
)
from masking.landmark_prediction import LandmarkPredictor
from masking.landmarks import Image, Landmarks
from masking.model_files import (
    LANDMARKS_68,
    MASKED_LANDMARKS,
    MASKED_VIEWS,
    dlib_model,
    own_model,
)


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a photograph: where it is and its landmarks in photo px."""

    box: FaceBox
    landmarks: Landmarks


class FaceFinder:
    """Boxes and landmarks of all faces of a photograph, the prominent one first."""

    def __init__(self, detector: FaceDetector, predictor: LandmarkPredictor):
        self._detector, self.predictor = detector, predictor

    def find(self, image: Image) -> list[Face]:
        """Faces of an (H, W, 3) uint8 RGB picture; the most prominent comes first.

        Prominent is large and near the middle: portraits put their subject there.
        """
        boxes = self._detector.detect(image)
        height, width = image.shape[:2]
        boxes = sorted(boxes, key=lambda box: -_prominence(box, width, height))
        return [Face(box, self.landmarks_in(image, box)) for box in boxes]

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the face in `box`, in px of the picture."""
        return self.predictor.predict(image, box)


def default_finder() -> FaceFinder:
    """For faces that may wear masks: fast first, thorough last."""
    return FaceFinder(_cascade(), LandmarkPredictor(own_model(MASKED_LANDMARKS)))


def bare_finder() -> FaceFinder:
    """For bare faces: the landmarks that masks are painted on, mouth and jaw too."""
    return FaceFinder(_cascade(), LandmarkPredictor(dlib_model(LANDMARKS_68)))


def plain_finder() -> FaceFinder:
    """dlib's stock detector and landmarks alone: quick, for bare portraits."""
    detector = HogDetector("hog", 0.0, 1.0, 0.0)
    return FaceFinder(detector, LandmarkPredictor(dlib_model(LANDMARKS_68)))


def _cascade() -> CascadeDetector:
    return CascadeDetector(
        [
            HogDetector("hog", 0.0, 1.0, 0.0, MASKED_VIEWS[:1]),
            HogDetector("hog-padded", BORDER, 2.0, -0.35, MASKED_VIEWS),
            CnnDetector("mmod", BORDER, 1.5),
        ]
    )


def _prominence(box: FaceBox, width: int, height: int) -> float:
    middle_x, middle_y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    off_x, off_y = middle_x / width - 0.5, middle_y / height - 0.5
    # A face at the edge must be about three times as large as one in the middle.
    return box.area_px * float(np.exp(-4.0 * (off_x**2 + off_y**2)))
