"""Finds face boxes: dlib's detectors, and ours of masked faces, in a cascade."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from masking.faces.model_files import DETECTOR_CNN, dlib_model, own_model
from masking.landmarks import Image

# Detection runs on a picture of at most this side: faces of a twelfth of the
# picture's side (dlib's smallest face is 80 px) are still found.
WORKING_SIDE_PX = 1000
# Black border of tight crops, as a fraction of the longer side. dlib's detectors
# need to see what is around a face.
BORDER = 0.2
# The smallest face that the CNN detector was trained to find.
_CNN_FACE_PX = 40
# Boxes that share this much of the smaller one show the same face; of two
# faces side by side the boxes share less.
SAME_FACE = 0.5


@dataclass(frozen=True)
class FaceBox:
    """A detected face: corners in px of the photograph, may lie outside of it.

    Attributes:
        score: the detector's own confidence, higher is surer, 0 = its threshold;
            not comparable between stages.
        detector: name of the stage that found it, as written in manifests.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float
    detector: str

    @property
    def area_px(self) -> float:
        """Area in square pixels."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


class FaceDetector(Protocol):
    """Anything that finds face boxes in an (H, W, 3) uint8 RGB picture."""

    def detect(self, image: Image) -> list[FaceBox]:
        """All faces, in any order; an empty list when there is none."""


class HogDetector:
    """dlib's frontal HOG detector, alone or together with detectors of masked faces.

    Source: Dalal & Triggs, "Histograms of oriented gradients", CVPR 2005, in
    dlib's form; several detectors share one feature pyramid, so that more of them
    cost little.
    """

    def __init__(
        self,
        name: str,
        border: float,
        upsample: float,
        thresholds: Mapping[str, float],
    ):
        """
        Args:
            name: of this stage, as written in manifests.
            border: black border, as a fraction of the picture's longer side.
            upsample: enlargement before detection.
            thresholds: the files of the detectors to run, STOCK or ours, and the
                lowest score that counts of each; dlib's default is 0.
        """
        import dlib

        # dlib.get_frontal_face_detector() unpacks the same detector in half a second.
        self._detectors: list[Any] = [
            dlib.fhog_object_detector(os.fsencode(own_model(file)))
            for file in thresholds
        ]
        self._run: Any = dlib.fhog_object_detector.run_multiple
        self._thresholds = list(thresholds.values())
        self._name, self._border, self._upsample = name, border, upsample

    def detect(self, image: Image) -> list[FaceBox]:
        """Faces of at least 80 px in the picture as this stage enlarges it."""
        return strongest(self.candidates(image))

    def candidates(self, image: Image) -> list[FaceBox]:
        """The same, but each detector's own box of each face."""
        ready, scale, pad_px = _prepared(image, self._border, self._upsample)
        found = self._run(self._detectors, ready, 0, min(self._thresholds))
        boxes = []
        for rectangle, score, number in zip(*found, strict=True):
            # Scores of different detectors compare by how far they exceed theirs.
            above = score - self._thresholds[number]
            if above >= 0:
                boxes.append(_box(rectangle, scale, pad_px, above, self._name))
        return boxes


def strongest(boxes: list[FaceBox]) -> list[FaceBox]:
    """One box a face: those that no surer box overlaps, the surest first.

    dlib does this for the boxes of one detector; several detectors see the same
    face each for itself.
    """
    kept: list[FaceBox] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if not overlaps(box, kept):
            kept.append(box)
    return kept


def overlaps(box: FaceBox, others: Iterable[FaceBox]) -> bool:
    """Whether one of the other boxes shows the same face."""
    return any(_overlap(box, other) >= SAME_FACE for other in others)


def _overlap(one: FaceBox, other: FaceBox) -> float:
    """Shared area of two boxes, as a fraction of the smaller one."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    smaller = min(one.area_px, other.area_px)
    return max(0.0, width) * max(0.0, height) / smaller if smaller else 0.0


# Pictures up to this side are not reduced for the network.
_CNN_SMALL_PX = 160


class CnnDetector:
    """dlib's mmod CNN detector (King, arXiv:1502.00046): slow, finds hard faces."""

    def __init__(self, name: str, upsample: float):
        import dlib

        path = dlib_model(DETECTOR_CNN)
        self._detector: Any = dlib.cnn_face_detection_model_v1(os.fsencode(path))
        self._name, self._upsample = name, upsample

    def detect(self, image: Image) -> list[FaceBox]:
        """Faces of at least 40 px in the picture as this stage looks at it."""
        whole = min(1.0, _CNN_SMALL_PX / max(image.shape[:2]))
        upsample = max(self._upsample, whole)
        ready, scale, pad_px = _prepared(image, 0.0, upsample)
        if min(ready.shape[:2]) < _CNN_FACE_PX:
            # Holds no face, and the network refuses pictures below its filters.
            return []
        return [
            _box(found.rect, scale, pad_px, found.confidence, self._name)
            for found in self._detector(ready, 0)
        ]


class CascadeDetector:
    """Asks each stage in turn and stops at the first that finds a face."""

    def __init__(self, stages: list[FaceDetector]):
        self._stages = stages

    def detect(self, image: Image) -> list[FaceBox]:
        """Faces of the first stage that finds any."""
        for stage in self._stages:
            boxes = stage.detect(image)
            if boxes:
                return boxes
        return []


def _prepared(
    image: Image, border: float, upsample: float
) -> tuple[Image, float, float]:
    """The picture as a stage looks at it, its scale and its border in photo px."""
    longer = max(image.shape[:2])
    scale = min(upsample, WORKING_SIDE_PX / longer)
    pad_px = round(border * longer)
    if pad_px:
        edges = (pad_px, pad_px, pad_px, pad_px)
        image = np.asarray(
            cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT), dtype=np.uint8
        )
    if scale != 1.0:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        # At least one pixel: a strip shrinks to nothing, which OpenCV refuses.
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        image = np.asarray(
            cv2.resize(image, (width, height), interpolation=way), dtype=np.uint8
        )
    return np.ascontiguousarray(image), scale, float(pad_px)


def _box(
    rectangle: Any, scale: float, pad_px: float, score: float, name: str
) -> FaceBox:
    corners = (
        rectangle.left(),
        rectangle.top(),
        rectangle.right(),
        rectangle.bottom(),
    )
    left, top, right, bottom = (value / scale - pad_px for value in corners)
    return FaceBox(left, top, right, bottom, float(score), name)
