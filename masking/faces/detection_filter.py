"""Tells faces, masked or not, from what detectors took for one: a second look.

A detector slides over the picture in coarse steps. Here the landmarks turn what it
found upright and to one size, so that a linear model sees eyes and brows where they
always are, and tells better than the detector, which
`benchmarks.recognition.masked_detection`
measures. It is asked only where the detector is not sure.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from masking.errors import BadRecord
from masking.faces.alignment import ChipGeometry, chip_matrix, warp
from masking.faces.detectors import FaceBox, HogDetector, overlaps, strongest
from masking.faces.hog import GRADIENTS, SIDE_PX, oriented_gradients
from masking.faces.landmark_predictor import LandmarkPredictor
from masking.faces.model_arrays import read_arrays
from masking.landmarks import Float32, Image, Landmarks

FORMAT_VERSION = 1
_SQUARE = ChipGeometry(size_px=SIDE_PX, padding=0.15)
# How far below its thresholds a detector may be for the check to be asked, and how far
# above them it needs no check: no false face of 3,200 pictures without one was surer.
SLACK = 0.45
_SURE = 0.8
# A face: detector + _WEIGHT * check is above it. Chosen on 404 people held out of
# training: six false faces in a thousand backgrounds, and of 5,220 masked faces and
# tight crops of them 20 are lost (37 with .125, for three false faces less).
_WEIGHT, _LEAST = 0.25, -0.1
# This near to the border steadier landmarks may decide.
_UNSURE = 0.3
# Landmarks that score less may lie beside the face, as detectors' boxes do where heads
# are turned: of the people held out 7% of masked faces. They are looked for again from
# boxes moved and sized so, as fractions of the side, and must score so much more.
_LIKELY, _BETTER = 2.0, 1.0
_ACROSS, _DOWN = (-0.4, -0.2, 0.0, 0.2, 0.4), (-0.2, 0.0, 0.2)
_SIZES = (0.65, 0.85, 1.1)


class FaceCheck:
    """Logistic regression on the gradients of an upright face.

    Trained by `tools/detector_training/train_face_check.py` on LFW DevTrain faces with
    synthetic masks.
    """

    def __init__(self, path: Path):
        """
        Raises:
            MissingInput: the file is not there.
            BadRecord: it is damaged, or of another version.
        """
        weights, offset = read_arrays(
            path, "the model that checks faces", FORMAT_VERSION, ("weights", "offset")
        )
        if weights.shape != (GRADIENTS,) or offset.dtype.kind != "f":
            raise BadRecord(
                f"{path}: damaged ({weights.shape} weights). Install again."
            )
        self._weights, self._offset = weights.astype(np.float32), float(offset)

    def score(self, image: Image, landmarks: Landmarks) -> float:
        """Log odds that these are the landmarks of a face, 0 = even.

        Args:
            image: (H, W, 3) uint8 RGB photograph.
        """
        return float(self._weights @ looked_at(image, landmarks)) + self._offset


def looked_at(image: Image, landmarks: Landmarks) -> Float32:
    """(GRADIENTS,) float32: what the check knows of a face."""
    return oriented_gradients(warp(image, chip_matrix(landmarks, _SQUARE), SIDE_PX))


class CheckedDetector:
    """A HOG stage whose unsure faces are looked at again."""

    def __init__(
        self, stage: HogDetector, predictor: LandmarkPredictor, check: FaceCheck
    ):
        """
        Args:
            stage: with thresholds that are SLACK lower than usual.
            predictor: the one that the check was trained with.
        """
        self._stage, self._predictor, self._check = stage, predictor, check

    def detect(self, image: Image) -> list[FaceBox]:
        """Faces; a score of 0 is where they just do not count any more."""
        boxes = [
            replace(box, score=box.score - SLACK)
            for box in self._stage.candidates(image)
        ]
        sure = strongest([box for box in boxes if box.score >= _SURE])
        others = [b for b in boxes if b.score < _SURE and not overlaps(b, sure)]
        looked = [self._looked(image, box) for box in others]
        # Only now, as of two boxes on a face the detector's favourite may be off.
        return [*sure, *strongest([box for box in looked if box.score > 0])]

    def _looked(self, image: Image, box: FaceBox) -> FaceBox:
        """With the score of both."""
        first = self._predictor.glance(image, box)
        score = self._together(image, box, first)
        if abs(score) < _UNSURE:
            steady = self._predictor.steadied(image, first)
            score = self._together(image, box, steady)
        return replace(box, score=score)

    def _together(self, image: Image, box: FaceBox, landmarks: Landmarks) -> float:
        return box.score + _WEIGHT * self._check.score(image, landmarks) - _LEAST


class CheckedPredictor:
    """Landmarks that are looked for around the box where they are no likely face's.

    On the people held out, under ten masks each, that leaves 9 of 8,655 faces with eyes
    off by more than a fifth of their distance instead of 27.
    """

    def __init__(self, predictor: LandmarkPredictor, check: FaceCheck):
        self._predictor, self._check = predictor, check

    def predict(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the face in `box`, in px of the (H, W, 3) picture."""
        found = self._predictor.predict(image, box)
        score = self._check.score(image, found)
        if score >= _LIKELY:
            return found
        looks = [self._predictor.glance(image, other) for other in _boxes_about(box)]
        likeliest = max(looks, key=lambda look: self._check.score(image, look))
        again = self._predictor.steadied(image, likeliest)
        better = self._check.score(image, again) > score + _BETTER
        return again if better else found


def _boxes_about(box: FaceBox) -> list[FaceBox]:
    """Boxes beside a box, smaller and larger ones."""
    width, height = box.right - box.left, box.bottom - box.top
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return [
        replace(
            box,
            left=x + (away - size / 2) * width,
            right=x + (away + size / 2) * width,
            top=y + (down - size / 2) * height,
            bottom=y + (down + size / 2) * height,
        )
        for away in _ACROSS
        for down in _DOWN
        for size in _SIZES
    ]
