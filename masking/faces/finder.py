"""Finds faces with their landmarks: a cascade of detectors, then 68 points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from masking.faces.detection_filter import (
    SLACK,
    CheckedDetector,
    CheckedPredictor,
    FaceCheck,
)
from masking.faces.detectors import (
    BORDER,
    CascadeDetector,
    CnnDetector,
    FaceBox,
    FaceDetector,
    HogDetector,
)
from masking.faces.landmark_predictor import LandmarkPredictor, Predictor
from masking.faces.model_files import (
    FACE_CHECK,
    LANDMARKS_68,
    MASKED_CROP,
    MASKED_LANDMARKS,
    MASKED_LEFT,
    MASKED_RIGHT,
    MASKED_UPRIGHT,
    STOCK,
    dlib_model,
    own_model,
)
from masking.landmarks import Image, Landmarks

# Lowest scores that count without a check, chosen on 404 people whom neither training
# nor a test set saw. The stock detector's own threshold is 0.
_FIRST = {STOCK: -0.2, MASKED_UPRIGHT: -0.55}
_PADDED = {
    STOCK: -0.2,
    MASKED_UPRIGHT: -0.3,
    MASKED_CROP: -0.22,
    MASKED_LEFT: -0.15,
    MASKED_RIGHT: -0.15,
}
# For small faces: four times as many places to go wrong in.
_DOUBLED = {STOCK: 0.1, MASKED_UPRIGHT: 0.15, MASKED_LEFT: 0.45, MASKED_RIGHT: 0.35}
# The network is asked last, and takes sixty times as long as the first look: at this
# scale it still sees faces of 50 px. Small pictures it sees as they are. A border would
# double its time and, on the 404 people, bring nothing.
_CNN_SCALE = 0.8


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
        """The 68 points of the face in `box`, in px of the picture."""


class FaceFinder:
    """Boxes and landmarks of all faces of a photograph, the prominent one first."""

    def __init__(self, detector: FaceDetector, predictor: Predictor):
        self.detector, self.predictor = detector, predictor

    def find(self, image: Image) -> list[Face]:
        """Faces of an (H, W, 3) uint8 RGB picture; the most prominent comes first.

        Prominent is large and near the middle: portraits put their subject there.
        """
        boxes = self.detector.detect(image)
        height, width = image.shape[:2]
        boxes = sorted(boxes, key=lambda box: -_prominence(box, width, height))
        return [Face(box, self.landmarks_in(image, box)) for box in boxes]

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the face in `box`, in px of the picture."""
        return self.predictor.predict(image, box)


def default_finder() -> FaceFinder:
    """For faces that may wear masks: fast first, thorough last."""
    predictor = masked_predictor()
    check = FaceCheck(own_model(FACE_CHECK))
    stages: list[FaceDetector] = [
        CheckedDetector(stage, predictor, check) for stage in hog_stages(SLACK)
    ]
    detector = CascadeDetector([*stages, _last()])
    return FaceFinder(detector, CheckedPredictor(predictor, check))


def unmasked_finder() -> FaceFinder:
    """For unmasked faces: all 68 landmarks, which masks are rendered on."""
    first = HogDetector("hog", 0.0, 1.0, {STOCK: 0.0})
    predictor = LandmarkPredictor(dlib_model(LANDMARKS_68))
    return FaceFinder(CascadeDetector([first, *hog_stages()[1:], _last()]), predictor)


def plain_finder() -> FaceFinder:
    """dlib's stock detector and landmarks alone: quick, for unmasked portraits."""
    detector = HogDetector("hog", 0.0, 1.0, {STOCK: 0.0})
    return FaceFinder(detector, LandmarkPredictor(dlib_model(LANDMARKS_68)))


def masked_predictor() -> LandmarkPredictor:
    """Eyes and brows of faces that may wear masks."""
    return LandmarkPredictor(own_model(MASKED_LANDMARKS), steady=True)


def hog_stages(slack: float = 0.0) -> list[HogDetector]:
    """HOG detectors in the order in which they are tried.

    Args:
        slack: how much lower than usual scores may be.
    """
    settings = (
        ("hog", 0.0, 1.0, _FIRST),
        ("hog-padded", BORDER, 1.0, _PADDED),
        ("hog-doubled", 0.0, 2.0, _DOUBLED),
    )
    return [
        HogDetector(
            name, border, scale, {file: least - slack for file, least in lows.items()}
        )
        for name, border, scale, lows in settings
    ]


def _last() -> FaceDetector:
    """What is tried where nothing else finds a face."""
    return CnnDetector("mmod", _CNN_SCALE)


def _prominence(box: FaceBox, width: int, height: int) -> float:
    middle_x, middle_y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    off_x, off_y = middle_x / width - 0.5, middle_y / height - 0.5
    # A face at the edge must be about three times as large as one in the middle.
    return box.area_px * float(np.exp(-4.0 * (off_x**2 + off_y**2)))
