"""Puts 68 landmarks on a face whose box is known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from masking.faces.alignment import UPPER_FACE, similarity
from masking.faces.detectors import FaceBox
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Image, Landmarks

# Middle and half side of the box that dlib's stock detector draws on average,
# in the coordinates of the canonical face: landmark models expect such boxes.
_BOX_MIDDLE = np.array([0.515, 0.515], dtype=np.float32)
_BOX_HALF = 0.65
ALL_POINTS = slice(None)
# Of the boxes of further looks, as fractions of the usual one.
_SIZES = (0.9, 1.0, 1.1)
# What a look sees around its box, as a fraction of the side.
_AROUND = 0.75


class Predictor(Protocol):
    """Anything that puts landmarks on a face."""

    def predict(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the face in `box`, in px of the (H, W, 3) picture."""


class LandmarkPredictor:
    """A dlib shape predictor (Kazemi & Sullivan, CVPR 2014).

    dlib's own is exact on unmasked faces; ours, trained on synthetic masks, on eyes and
    brows of masked ones.
    """

    def __init__(self, path: Path, steady: bool = False):
        """
        Args:
            steady: predict again from boxes that are rebuilt on the eyes and brows
                of the first answer, as they are and mirrored, and answer the median,
                where detectors draw poor boxes. On people held out of training eyes
                are off by .026 of their distance instead of .030.
        """
        import dlib

        self._predictor: Any = dlib.shape_predictor(os.fsencode(path))
        self._steady = steady

    def predict(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the face in `box`, in px of the (H, W, 3) picture."""
        first = self.glance(image, box)
        return self.steadied(image, first) if self._steady else first

    def steadied(self, image: Image, first: Landmarks) -> Landmarks:
        """The median of answers from boxes rebuilt on a first one."""
        boxes = [box_around(first, UPPER_FACE, by) for by in _SIZES]
        looks = [self.glance(image, box) for box in boxes]
        looks += self._mirrored_looks(image, boxes)
        middle = np.median([look.points for look in looks], axis=0)
        return Landmarks(np.asarray(middle, dtype=np.float32))

    def _mirrored_looks(self, image: Image, boxes: list[FaceBox]) -> list[Landmarks]:
        """Looks at the mirror image, which errs in other places."""
        largest = max(boxes, key=lambda box: box.area_px)
        corner, part = _around(image, largest)
        if part.size == 0:
            return []
        width = part.shape[1]
        # Only of what is around the face: of a large photograph it would take long.
        turned = np.ascontiguousarray(part[:, ::-1])
        back = np.array([[1.0, 0.0, corner[0]], [0.0, 1.0, corner[1]]])
        looks = []
        for box in boxes:
            beside = FaceBox(
                width - 1 - (box.right - corner[0]),
                box.top - corner[1],
                width - 1 - (box.left - corner[0]),
                box.bottom - corner[1],
                box.score,
                box.detector,
            )
            looks.append(self.glance(turned, beside).mirrored(width).moved(back))
        return looks

    def glance(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points by one look, whatever the predictor does otherwise."""
        import dlib

        corners = (box.left, box.top, box.right, box.bottom)
        rectangle = dlib.rectangle(*(round(value) for value in corners))
        shape = self._predictor(image, rectangle)
        points = [(point.x, point.y) for point in shape.parts()]
        return Landmarks(np.array(points, dtype=np.float32))


def _around(image: Image, box: FaceBox) -> tuple[tuple[int, int], Image]:
    """The part of a picture around a box, and its left upper corner."""
    height, width = image.shape[:2]
    margin = _AROUND * (box.right - box.left)
    left, top = max(0, int(box.left - margin)), max(0, int(box.top - margin))
    right, bottom = int(box.right + margin) + 1, int(box.bottom + margin) + 1
    return (left, top), image[top : min(bottom, height), left : min(right, width)]


def box_around(
    landmarks: Landmarks,
    points: NDArray[np.intp] | slice = ALL_POINTS,
    times: float = 1.0,
) -> FaceBox:
    """The box that the stock detector would draw around a face, on average.

    Args:
        points: the landmarks that place it.
        times: as large as that.
    """
    matrix = similarity(CANONICAL_FACE[points], landmarks.points[points])
    middle = matrix[:, :2] @ _BOX_MIDDLE + matrix[:, 2]
    half = times * _BOX_HALF * float(np.hypot(matrix[0, 0], matrix[1, 0]))
    x, y = (float(value) for value in middle)
    return FaceBox(x - half, y - half, x + half, y + half, 0.0, "landmarks")
