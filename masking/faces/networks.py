"""The networks of the detector: YuNet, RetinaFace, and one for the roll of a face.

At the end: the pyramid of smaller and turned pictures that they read, in tiles.

The first two see upright faces, with five points each. They give (N, 15) float32 rows:
left, top, width, height, five points (x, y), px, and the probability. YuNet finds
turned faces, too, but gives them the points of upright ones (of a face that is turned
by 20 degrees it says 3), so a small network of our own says how far one is turned in
the picture plane.

Sources: Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", Machine
Intelligence Research 2023; the file is OpenCV's. Deng et al., "RetinaFace: Single-shot
Multi-level Face Localisation in the Wild", CVPR 2020; its weights, for a MobileNet, are
those that FaceX-Zoo (Wang et al., 2021) trained for masked faces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.files.model_files import RETINAFACE, ROLL, YUNET, onnx_session, own_model
from masking.landmarks import Float32, Image

Matrix = NDArray[np.float64]

# Of the three levels: px between places, and sides of the two squares at each.
_LEVELS = ((8, (16.0, 32.0)), (16, (64.0, 128.0)), (32, (256.0, 512.0)))
# What the numbers of the network are multiples of, as fractions of the square.
_PLACE, _GROWTH = 0.1, 0.2
# Sides must be a multiple of it.
_STEP_PX = 32
# Of YuNet's three levels: px between places, and what it says of each.
_STEPS = (8, 16, 32)
_PLACES = [
    f"{name}_{step}" for name in ("cls", "obj", "bbox", "kps") for step in _STEPS
]
# Squares that share this much of their union show the same face.
_SAME = 0.3


class YuNet:
    """Sees faces of 10 to 300 px; made by `tools/release/ship_yunet.py`."""

    def __init__(self) -> None:
        self._network = onnx_session(str(own_model(YUNET)))

    def find(self, image: Image, least: float) -> Float32:
        """(N, 15) faces of an (H, W, 3) uint8 RGB picture, of `least` and more."""
        framed = _framed(image, _STEP_PX)
        bgr = cv2.dnn.blobFromImage(framed, swapRB=True)
        outs = [out[0] for out in self._network.run(_PLACES, {"input": bgr})]
        columns = framed.shape[1]
        parts = [outs[level :: len(_STEPS)] for level in range(len(_STEPS))]
        rows = np.concatenate(
            [
                _of_places(part, step, columns // step, least)
                for part, step in zip(parts, _STEPS, strict=True)
            ]
        )
        # In whole px, as OpenCV's FaceDetectorYN compares them.
        return _separate(rows, rows[:, :4].astype(np.int32))


def _of_places(
    outs: Sequence[Float32], step: int, columns: int, least: float
) -> Float32:
    """(N, 15) of the places of one level of YuNet's, row by row.

    Args:
        outs: two times (P, 1) probabilities, whose geometric mean is the face's;
            (P, 4) middle, from the place, and logarithm of the size; (P, 10) five
            points, from the place; all in steps.
        step: px between places.
    """
    classes, objects, boxes, points = outs
    sure = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))[:, 0]
    chosen = np.flatnonzero(sure >= least)
    place = np.stack([chosen % columns, chosen // columns], axis=1)
    middle, size = place + boxes[chosen, :2], np.exp(boxes[chosen, 2:])
    five = np.tile(place, 5) + points[chosen]
    found = step * np.hstack([middle - size / 2, size, five])
    return np.hstack([found, sure[chosen, None]]).astype(np.float32)


class RetinaFace:
    """Sees faces of 12 px and more; made by `tools/release/ship_retinaface.py`."""

    def __init__(self) -> None:
        self._network = onnx_session(str(own_model(RETINAFACE)))

    def find(self, image: Image, least: float) -> Float32:
        """(N, 15) faces of an (H, W, 3) uint8 RGB picture, of `least` and more."""
        framed = _framed(image, _STEP_PX)
        levels = self._network.run(None, {"image": cv2.dnn.blobFromImage(framed)})
        found = [
            _faces(out[0], step, side, slot, least)
            for out, (step, sides) in zip(levels, _LEVELS, strict=True)
            for slot, side in enumerate(sides)
        ]
        rows = np.concatenate(found)
        return _separate(rows, rows[:, :4])


def _separate(rows: Float32, boxes: NDArray[Any]) -> Float32:
    """Those that no surer one shows as well.

    Args:
        boxes: (N, 4) of the rows: left, top, width, height.
    """
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 14].tolist(), 0.0, _SAME)
    return np.asarray(rows[np.asarray(kept, int)], np.float32)


def _framed(image: Image, step: int) -> Image:
    """Black below and beside makes sides multiples of `step`."""
    tall, wide = (-side % step for side in image.shape[:2])
    framed = cv2.copyMakeBorder(image, 0, tall, 0, wide, cv2.BORDER_CONSTANT)
    return np.asarray(framed, np.uint8)


def _faces(out: Float32, step: int, side: float, slot: int, least: float) -> Float32:
    """(N, 15) of the squares of one size.

    Args:
        out: (32, h, w) of one level: of both squares of a place two scores, then four
            numbers of the box, then ten of the points.
        slot: which of both squares.
    """
    no, yes = out[2 * slot], out[2 * slot + 1]
    sure = 1 / (1 + np.exp(no - yes))
    y, x = np.nonzero(sure >= least)
    # Pixels count from the middle of the first.
    middle = np.stack([x, y], axis=1) * step + (step - 1) / 2
    box = out[4 + 4 * slot : 8 + 4 * slot, y, x].T
    points = out[12 + 10 * slot : 22 + 10 * slot, y, x].T
    size = side * np.exp(_GROWTH * box[:, 2:])
    corner = middle + _PLACE * side * box[:, :2] - size / 2
    five = np.tile(middle, 5) + _PLACE * side * points
    return np.hstack([corner, size, five, sure[y, x][:, None]]).astype(np.float32)


# Side of the crop for the roll, and how many sides of the face box it shows. Only its
# disc counts:
# that looks the same under every turn.
CROP_PX, BOXES = 64, 1.15
_FROM_MIDDLE = np.hypot(*(np.mgrid[:CROP_PX, :CROP_PX] - (CROP_PX - 1) / 2))
DISC = _FROM_MIDDLE <= CROP_PX / 2


class RollEstimator:
    """Trained by `tools/detector_training/train_roll.py` on faces, masked or not."""

    def __init__(self) -> None:
        self._network = onnx_session(str(own_model(ROLL)))
        self._input = self._network.get_inputs()[0].name

    def roll_deg(self, crop: Image) -> float:
        """Turn of the line between the eyes, clockwise, -180 to 180 degrees.

        Args:
            crop: (CROP_PX, CROP_PX, 3) uint8 RGB, the face in its middle.
        """
        ((turn,),) = self._network.run(None, {self._input: prepared(crop)[None, None]})
        cosine, sine = turn
        return float(np.rad2deg(np.arctan2(sine, cosine)))


def prepared(crop: Image) -> Float32:
    """(CROP_PX, CROP_PX) float32 grey, of mean 0 and deviation 1 in the disc."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    inside = grey[DISC]
    even = (grey - inside.mean()) / (inside.std() + 4.0)
    return np.where(DISC, even, 0.0).astype(np.float32)


# Pictures are read whole up to the first number of pixels, larger ones at this
# fraction of their pixels: faces of 24 px are still 16 px wide then.
_WHOLE_PX, _FRACTION = 0.4e6, 0.45
# YuNet sees faces of 10 to 300 px; the levels of the pyramid differ by this factor.
_LEVEL_STEP = 4
# Tiles bound the network's memory. A face up to the overlap lies whole in one of them.
_TILE_PX, _OVERLAP_PX = 640, 96
# Shrunk by less, bilinear sampling shows as many faces in a quarter of the time.
_AREA = 0.5
# Black around all levels but the first: tight crops show nothing around the face.
_BORDER_PX = 16
_LEAST_LEVEL_PX = 40


def levels(image: Image) -> Iterator[tuple[Image, Matrix]]:
    """The pyramid: pictures with the matrix from their px to those of the first."""
    height, width = image.shape[:2]
    fraction = max(_FRACTION, _WHOLE_PX / (height * width))
    scale = min(1.0, float(np.sqrt(fraction)))
    small, back = resized(image, scale)
    yield small, back
    while max(small.shape[:2]) >= _LEVEL_STEP * _LEAST_LEVEL_PX:
        small, step = resized(small, 1 / _LEVEL_STEP)
        back = after(back, step)
        framed = cv2.copyMakeBorder(
            small, _BORDER_PX, _BORDER_PX, _BORDER_PX, _BORDER_PX, cv2.BORDER_CONSTANT
        )
        shift = np.array([[1.0, 0.0, -_BORDER_PX], [0.0, 1.0, -_BORDER_PX]])
        yield np.asarray(framed, np.uint8), after(back, shift)


def tiles(side: int) -> Iterator[tuple[int, int]]:
    """Starts and lengths of overlapping pieces of a side, all of one length."""
    count = max(1, -(-(side - _OVERLAP_PX) // (_TILE_PX - _OVERLAP_PX)))
    length = -(-(side - _OVERLAP_PX) // count) + _OVERLAP_PX
    for number in range(count):
        yield max(0, min(number * (length - _OVERLAP_PX), side - length)), length


def resized(image: Image, scale: float) -> tuple[Image, Matrix]:
    """The picture, and the (2, 3) matrix back to px of the given one."""
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    back = np.diag([width / size[0], height / size[1]])
    # Pixel centres stay centres.
    matrix = np.hstack([back, (np.diag(back) / 2 - 0.5)[:, None]])
    if size == (width, height):
        return image, matrix
    how = cv2.INTER_AREA if scale < _AREA else cv2.INTER_LINEAR
    small = cv2.resize(image, size, interpolation=how)
    return np.asarray(small, np.uint8), matrix


def quarters_back(turned: Image, quarters: int) -> Matrix:
    """The (2, 3) matrix from px of `np.rot90(picture, quarters)` to the picture's."""
    turn = np.linalg.matrix_power(np.array([[0.0, -1.0], [1.0, 0.0]]), quarters)
    last = np.array([turned.shape[1], turned.shape[0]]) - 1.0
    # All of the picture lies right of and below its first pixel.
    shift = -np.minimum(turn * last, 0.0).sum(axis=1)
    return np.hstack([turn, shift[:, None]])


def after(second: Matrix, first: Matrix) -> Matrix:
    """The (2, 3) matrix of two changes, one after the other."""
    shift = second[:, :2] @ first[:, 2] + second[:, 2]
    return np.hstack([second[:, :2] @ first[:, :2], shift[:, None]])


def inverse(matrix: Matrix) -> Matrix:
    """The (2, 3) matrix that leads back."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)
