"""A picture at several sizes and turns, in tiles, with the matrices back to its px."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Image

Matrix = NDArray[np.float64]

# Pictures are read whole up to the first number of pixels, larger ones at this
# fraction of their pixels: faces of 24 px are still 16 px wide then.
_WHOLE_PX, _FRACTION = 0.4e6, 0.45
# YuNet sees faces of 10 to 300 px; the levels of the pyramid differ by this factor.
_STEP = 4
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
    while max(small.shape[:2]) >= _STEP * _LEAST_LEVEL_PX:
        small, step = resized(small, 1 / _STEP)
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
