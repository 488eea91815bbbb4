"""Puts 68 landmarks on a found face: dlib's shape predictor on an upright crop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.faces.alignment import UPPER_FACE, ChipGeometry, similarity, warp
from masking.faces.mean_face import CANONICAL_FACE
from masking.faces.packed_predictor import read_packed
from masking.landmarks import Float32, Image, Landmarks, five_points

# The crop that landmarks are looked for in.
GEOMETRY = ChipGeometry(size_px=256, padding=0.5)
FIVE = five_points(GEOMETRY.targets())
_MEAN_FIVE = five_points(CANONICAL_FACE)
_UPPER = GEOMETRY.targets()[UPPER_FACE]
# The second look is this much closer, about the middle of the crop.
_CLOSER = 1.06
_NEARER = np.hstack(
    [np.eye(2) * _CLOSER, np.full((2, 1), (1 - _CLOSER) * (GEOMETRY.size_px - 1) / 2)]
)
# Middle and half side of the box that dlib's stock detector draws on average, in the
# coordinates of the canonical face: landmark models expect such boxes.
_BOX_MIDDLE, _BOX_HALF = 0.515, 0.65


class LandmarkPredictor:
    """A dlib shape predictor (Kazemi & Sullivan, CVPR 2014).

    dlib's own is exact on unmasked faces; ours, trained on synthetic masks, on eyes and
    brows of masked ones.
    """

    def __init__(self, path: Path, steady: bool = False):
        """
        Args:
            path: a .dat of dlib's, or an .npz of `packed_predictor`.
            steady: the mean of looks at the crop and its mirror image, and at a crop
                that the eyes and brows of these align. On people held out of training
                eyes under masks are off by .024 of their distance instead of .028.
        """
        import dlib

        packed = path.suffix == ".npz"
        self._predictor: Any = (
            read_packed(path) if packed else dlib.shape_predictor(os.fsencode(path))
        )
        self._box: Any = dlib.rectangle(*box_corners())
        self._steady = steady

    def predict(self, image: Image, points: Float32) -> Landmarks:
        """The 68 points of a face of an (H, W, 3) uint8 RGB picture, px.

        Args:
            points: (5, 2) eyes, tip of the nose and corners of the mouth, px, or
                (68, 2) of an earlier look, of which eyes and brows count.
        """
        if len(points) == len(FIVE):
            matrix = similarity(points, FIVE)
        else:
            matrix = similarity(points[UPPER_FACE], _UPPER)
        first = self._look(image, matrix)
        if not self._steady:
            return first
        aligned = similarity(first.points[UPPER_FACE], _UPPER)
        matrix = _NEARER @ np.vstack([aligned, [0.0, 0.0, 1.0]])
        second = self._look(image, matrix)
        return _mean(first, second)

    def _look(self, image: Image, matrix: NDArray[np.float64]) -> Landmarks:
        """Landmarks in the crop that a (2, 3) matrix cuts, px of the picture."""
        crop = warp(image, matrix, GEOMETRY.size_px)
        found = self._points(crop)
        if self._steady:
            mirrored = self._points(np.asarray(cv2.flip(crop, 1), np.uint8))
            other = mirrored.mirrored(GEOMETRY.size_px)
            found = _mean(found, other)
        return found.moved(np.asarray(cv2.invertAffineTransform(matrix), np.float64))

    def _points(self, crop: Image) -> Landmarks:
        shape = self._predictor(crop, self._box)
        points = [(point.x, point.y) for point in shape.parts()]
        return Landmarks(np.array(points, dtype=np.float32))


class FivePointPredictor:
    """The mean face where the detector saw eyes, nose and mouth; no model.

    Crops are exact, since they are cut by turn, scale and shift alone. Brows and jaw
    are where the mean face has them.
    """

    def predict(self, image: Image, points: Float32) -> Landmarks:
        """As `LandmarkPredictor.predict`; the picture is not looked at."""
        five = points if len(points) == len(_MEAN_FIVE) else five_points(points)
        return Landmarks(CANONICAL_FACE).moved(similarity(_MEAN_FIVE, five))


def _mean(one: Landmarks, other: Landmarks) -> Landmarks:
    return Landmarks(np.asarray((one.points + other.points) / 2, np.float32))


def box_corners() -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the box of a face in the crop, px."""
    middle = (_BOX_MIDDLE + GEOMETRY.padding) * GEOMETRY.square_px
    half = _BOX_HALF * GEOMETRY.square_px
    low, high = round(middle - half), round(middle + half)
    return low, low, high, high
