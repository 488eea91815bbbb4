"""YuNet and RetinaFace: networks that see upright faces, with five points each.

Both give (N, 15) float32 rows: left, top, width, height, five points (x, y), px, and
the probability.

Sources: Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", Machine
Intelligence Research 2023; OpenCV runs it. Deng et al., "RetinaFace: Single-shot
Multi-level Face Localisation in the Wild", CVPR 2020; its weights, for a MobileNet, are
those that FaceX-Zoo (Wang et al., 2021) trained for masked faces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from masking.faces.model_files import RETINAFACE, own_model, yunet_model
from masking.landmarks import Float32, Image

# Of pictures up to 32 px high OpenCV 4.14 answers what lies in memory.
_LEAST_PX = 64
# Of the three levels: px between places, and sides of the two squares at each.
_LEVELS = ((8, (16.0, 32.0)), (16, (64.0, 128.0)), (32, (256.0, 512.0)))
# What the numbers of the network are multiples of, as fractions of the square.
_PLACE, _GROWTH = 0.1, 0.2
# Sides must be a multiple of it.
_STEP_PX = 32
# Squares that share this much of their union show the same face.
_SAME = 0.3
# Sizes of the input that a network is kept for: levels of a picture, or both looks.
_SIZES = 3


class _OneEachSize:
    """A network for each of the last sizes of the input.

    Another size costs YuNet one to two milliseconds, RetinaFace three to seven.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._made = make, dict[tuple[int, ...], Any]()

    def of(self, image: Image) -> Any:
        """The network that read a picture of this size last, or the longest ago."""
        size = image.shape[:2]
        if size in self._made:
            network = self._made.pop(size)
        elif len(self._made) < _SIZES:
            network = self._make()
        else:
            network = self._made.pop(next(iter(self._made)))
        self._made[size] = network
        return network


class YuNet:
    """Sees faces of 10 to 300 px."""

    def __init__(self, least: float) -> None:
        """
        Args:
            least: probability of what it gives.
        """
        path, size = str(yunet_model()), (320, 320)
        self._networks = _OneEachSize(
            lambda: cv2.FaceDetectorYN.create(path, "", size, least, 0.3)
        )

    def find(self, image: Image) -> Float32:
        """(N, 15) faces of an (H, W, 3) uint8 RGB picture."""
        framed = _framed(image, 1)
        network = self._networks.of(framed)
        network.setInputSize((framed.shape[1], framed.shape[0]))
        _, rows = network.detect(cv2.cvtColor(framed, cv2.COLOR_RGB2BGR))
        found = np.zeros((0, 15)) if rows is None else rows
        return np.asarray(found, np.float32)


class RetinaFace:
    """Sees faces of 12 px and more; made by `tools/release/ship_retinaface.py`."""

    def __init__(self) -> None:
        path = str(own_model(RETINAFACE))
        self._networks = _OneEachSize(lambda: cv2.dnn.readNetFromONNX(path))

    def find(self, image: Image, least: float) -> Float32:
        """(N, 15) faces of an (H, W, 3) uint8 RGB picture, of `least` and more."""
        framed = _framed(image, _STEP_PX)
        network = self._networks.of(framed)
        network.setInput(cv2.dnn.blobFromImage(framed))
        levels = network.forward(network.getUnconnectedOutLayersNames())
        found = [
            _faces(out[0], step, side, slot, least)
            for out, (step, sides) in zip(levels, _LEVELS, strict=True)
            for slot, side in enumerate(sides)
        ]
        rows = np.concatenate(found)
        kept = cv2.dnn.NMSBoxes(rows[:, :4].tolist(), rows[:, 14].tolist(), 0.0, _SAME)
        return np.asarray(rows[np.asarray(kept, int)], np.float32)


def _framed(image: Image, step: int) -> Image:
    """Black below and beside makes sides multiples of `step`, from `_LEAST_PX` on."""
    tall, wide = (max(_LEAST_PX - side, -side % step) for side in image.shape[:2])
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
