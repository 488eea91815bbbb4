"""Puts 68 landmarks on a face whose box is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masking.alignment import UPPER_FACE, similarity
from masking.canonical_face import CANONICAL_FACE
from masking.face_detection import FaceBox
from masking.landmarks import Image, Landmarks

# Middle and half side of the box that dlib's stock detector draws on average,
# in the coordinates of the canonical face: landmark models expect such boxes.
_BOX_MIDDLE = np.array([0.515, 0.515], dtype=np.float32)
_BOX_HALF = 0.65
ALL_POINTS = slice(None)


class LandmarkPredictor:
    """A dlib shape predictor (Kazemi & Sullivan, CVPR 2014).

    dlib's own is exact on bare faces; ours, trained on painted masks, on eyes and
    brows of masked ones.
    """

    def __init__(self, path: Path, look_twice: bool = False):
        """
        Args:
            look_twice: predict again from a box that is rebuilt on the eyes and
                brows of the first answer, and answer the mean: steadier where
                detectors draw poor boxes.
        """
        import dlib

        self._predictor: Any = dlib.shape_predictor(str(path))
        self._look_twice = look_twice

    def predict(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the face in `box`, in px of the (H, W, 3) picture."""
        first = self.glance(image, box)
        return self.second_look(image, first) if self._look_twice else first

    def second_look(self, image: Image, first: Landmarks) -> Landmarks:
        """The mean of a first answer and of another, from a box rebuilt on it."""
        second = self.glance(image, box_around(first, UPPER_FACE))
        return Landmarks((first.points + second.points) * np.float32(0.5))

    def glance(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points by one look, whatever the predictor does otherwise."""
        import dlib

        corners = (box.left, box.top, box.right, box.bottom)
        rectangle = dlib.rectangle(*(round(value) for value in corners))
        shape = self._predictor(image, rectangle)
        points = [(point.x, point.y) for point in shape.parts()]
        return Landmarks(np.array(points, dtype=np.float32))


def box_around(
    landmarks: Landmarks, points: NDArray[np.intp] | slice = ALL_POINTS
) -> FaceBox:
    """The box that the stock detector would draw around a face, on average.

    Args:
        points: the landmarks that place it.
    """
    matrix = similarity(CANONICAL_FACE[points], landmarks.points[points])
    middle = matrix[:, :2] @ _BOX_MIDDLE + matrix[:, 2]
    half = _BOX_HALF * float(np.hypot(matrix[0, 0], matrix[1, 0]))
    x, y = (float(value) for value in middle)
    return FaceBox(x - half, y - half, x + half, y + half, 0.0, "landmarks")
