"""dlib's stock detector and landmarks, as most of its users have them."""

from __future__ import annotations

import os
from typing import Any

import dlib
import numpy as np

from masking.faces.finder import Face
from masking.files.model_files import LANDMARKS_68, dlib_model
from masking.landmarks import FaceBox, Image, Landmarks


class StockFinder:
    """Finds upright unmasked faces of at least 80 px."""

    def __init__(self) -> None:
        self._detector: Any = dlib.get_frontal_face_detector()
        self._predictor: Any = dlib.shape_predictor(
            os.fsencode(dlib_model(LANDMARKS_68))
        )

    def find(self, image: Image) -> list[Face]:
        """Faces of an (H, W, 3) uint8 RGB picture, the surest first."""
        boxes, scores, _ = self._detector.run(image, 0)
        faces = []
        for box, score in zip(boxes, scores, strict=True):
            found = FaceBox(
                float(box.left()),
                float(box.top()),
                float(box.right()),
                float(box.bottom()),
                float(score),
                "hog",
            )
            faces.append(Face(found, self.landmarks_in(image, found)))
        return faces

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the face in `box`."""
        corners = (box.left, box.top, box.right, box.bottom)
        rectangle = dlib.rectangle(*(round(value) for value in corners))
        points = self._predictor(image, rectangle).parts()
        return Landmarks(np.array([(p.x, p.y) for p in points], np.float32))
