"""Finds faces in turned and tiny pictures, when the picture as it is shows none."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.faces.detectors import WORKING_SIDE_PX, FaceBox
from masking.faces.finder import Face, FaceFinder, Finder, unmasked_finder
from masking.landmarks import Image, Landmarks

Matrix = NDArray[np.floating]

CROP = "crop"
# Views of dlib's detector in its order; the last two are of tilted heads.
_VIEWS = ("hog", "hog", "hog", "hog, tilted left", "hog, tilted right")
# Of 100 upright LFW faces none was found by a tilted view, and two with less than
# this score; of 100 that were turned by 45 degrees 50 were found, all by one.
_SURE_SCORE = 0.4
_UNDONE_DEG = {"hog, tilted left": -45, "hog, tilted right": 45}
# How much surer a turned picture must be than the one that was given.
_TURN_BAR = 0.1
# The stock detector finds faces that are turned by up to about 25 degrees.
_TURNS_DEG = (90, -90, 180, 45, -45, 135, -135)
# Faces of a picture that is smaller are enlarged to what detectors can see.
_TINY_PX = 160
_ENLARGED_PX = 320
# Below it the picture holds no face that could be rendered on.
_SMALLEST_CROP_PX = 24


class StockDetector:
    """dlib's frontal HOG detector, which also tells which of its five views fired."""

    def __init__(self) -> None:
        import dlib

        self._detector: Any = dlib.get_frontal_face_detector()

    def detect(self, image: Image) -> list[FaceBox]:
        """Faces of at least 80 px, the surest first; detector is one of _VIEWS."""
        longer = max(image.shape[:2])
        seen, scale = image, 1.0
        if longer > WORKING_SIDE_PX:
            seen, matrix = _resized(image, WORKING_SIDE_PX)
            scale = float(matrix[0, 0])
        found, scores, views = self._detector.run(np.ascontiguousarray(seen), 0, 0.0)
        boxes = []
        for rectangle, score, view in zip(found, scores, views, strict=True):
            left, top = rectangle.left() / scale, rectangle.top() / scale
            right, bottom = rectangle.right() / scale, rectangle.bottom() / scale
            boxes.append(FaceBox(left, top, right, bottom, float(score), _VIEWS[view]))
        return boxes


class TurnedFinder:
    """Looks at the picture as it is, then enlarged, turned, and last thoroughly.

    A face that lies on its side may be found as it is, with a low score or by a view
    of tilted heads, and with landmarks that are wrong: such a find is believed only
    when no turn of the picture shows a surer one. What is found in a changed picture
    is told in px of the given one, and its detector is named with the change: "hog,
    turned 90". The slow thorough search comes last.
    """

    def __init__(self, quick: Finder, thorough: Finder):
        self._quick, self._thorough = quick, thorough

    def find(self, image: Image) -> list[Face]:
        """Faces of an (H, W, 3) uint8 RGB picture, the most prominent first."""
        faces = self._quick.find(image)
        view = max((face.box for face in faces), key=_score, default=None)
        if view is not None and view.detector in _UNDONE_DEG:
            return self._turned(image, (_UNDONE_DEG[view.detector],), faces)
        if view is not None and view.score >= _SURE_SCORE:
            return faces
        tiny = max(image.shape[:2]) <= _TINY_PX
        if not faces and tiny:
            faces = _enlarged(image, self._quick)
        if faces and _surest(faces) >= _SURE_SCORE:
            return faces
        faces = self._turned(image, _TURNS_DEG, faces) or self._thorough.find(image)
        return _enlarged(image, self._thorough) if tiny and not faces else faces

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        """The 68 points of the upright face in `box`, in px of the picture."""
        return self._thorough.landmarks_in(image, box)

    def _turned(
        self, image: Image, turns_deg: tuple[int, ...], upright: list[Face]
    ) -> list[Face]:
        """Faces of the turn in which the surest one is found, or the upright ones."""
        longer = max(image.shape[:2])
        side_px = _ENLARGED_PX if longer <= _TINY_PX else min(longer, WORKING_SIDE_PX)
        ready, scaling = _resized(image, side_px)
        best, bar = upright, _surest(upright) + _TURN_BAR if upright else 0.0
        for degrees in turns_deg:
            seen, turn = _rotated(ready, degrees)
            faces = self._quick.find(seen)
            if faces and _surest(faces) > bar:
                back = _inverse(_after(turn, scaling))
                best = [_moved(face, back, f"turned {degrees}") for face in faces]
                bar = _surest(faces)
        return best


def augment_finder() -> TurnedFinder:
    """For photographs of unmasked faces of any turn and size."""
    thorough = unmasked_finder()
    return TurnedFinder(FaceFinder(StockDetector(), thorough.predictor), thorough)


def whole_picture(image: Image, finder: Finder) -> list[Face]:
    """The whole picture taken for one face, detector "crop"; [] when it is tiny."""
    height, width = image.shape[:2]
    if min(height, width) < _SMALLEST_CROP_PX:
        return []
    box = FaceBox(0.0, 0.0, float(width), float(height), 0.0, CROP)
    return [Face(box, finder.landmarks_in(image, box))]


def _resized(image: Image, side_px: int) -> tuple[Image, Matrix]:
    """The picture with a longer side of `side_px`, and its matrix on (x, y) px."""
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    # Pixel centres stay centres.
    shift = 0.5 * scale - 0.5
    matrix = np.array([[scale, 0.0, shift], [0.0, scale, shift]])
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8), matrix


def _enlarged(image: Image, finder: Finder) -> list[Face]:
    """The faces of a tiny picture, which a finder sees larger."""
    seen, matrix = _resized(image, _ENLARGED_PX)
    back = _inverse(matrix)
    return [_moved(face, back, "enlarged") for face in finder.find(seen)]


def _rotated(image: Image, degrees: int) -> tuple[Image, Matrix]:
    """All of the picture turned about its middle, counter-clockwise, on black."""
    height, width = image.shape[:2]
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    size = (
        round(width * abs(cosine) + height * abs(sine)),
        round(width * abs(sine) + height * abs(cosine)),
    )
    turn = np.array([[cosine, sine], [-sine, cosine]])
    shift = (np.array(size) - 1) / 2 - turn @ (np.array([width, height]) - 1) / 2
    matrix = np.hstack([turn, shift[:, None]])
    seen = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(seen, dtype=np.uint8), matrix


def _after(second: Matrix, first: Matrix) -> Matrix:
    """The (2, 3) matrix of two changes, one after the other."""
    shift = second[:, :2] @ first[:, 2] + second[:, 2]
    return np.hstack([second[:, :2] @ first[:, :2], shift[:, None]])


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(cv2.invertAffineTransform(matrix), dtype=np.float64)


def _score(box: FaceBox) -> float:
    return box.score


def _surest(faces: list[Face]) -> float:
    return max(face.box.score for face in faces)


def _moved(face: Face, matrix: Matrix, name: str) -> Face:
    """A face under a turn and scale; its box stays upright, of the scaled size."""
    box, scale = face.box, float(np.hypot(matrix[0, 0], matrix[1, 0]))
    middle = np.array([box.left + box.right, box.top + box.bottom]) / 2
    x, y = (float(value) for value in matrix[:, :2] @ middle + matrix[:, 2])
    half_x, half_y = (
        scale * (box.right - box.left) / 2,
        scale * (box.bottom - box.top) / 2,
    )
    moved = FaceBox(
        x - half_x,
        y - half_y,
        x + half_x,
        y + half_y,
        box.score,
        f"{box.detector}, {name}",
    )
    return Face(moved, face.landmarks.moved(matrix))
