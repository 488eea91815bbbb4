"""Histograms of oriented gradients (HOG) of a small upright face.

Source: Dalal & Triggs, "Histograms of oriented gradients", CVPR 2005.
"""

from __future__ import annotations

import cv2
import numpy as np

from masking.landmarks import Float32, Image

# Side of the picture, and of a cell, px.
SIDE_PX = 64
CELL_PX = 8
CELLS = SIDE_PX // CELL_PX
_BINS = 9
# Strength of a block's gradients below which it counts as flat.
_FLAT = 20.0
GRADIENTS = 4 * _BINS * (CELLS - 1) ** 2
_ROW, _COLUMN = np.mgrid[:SIDE_PX, :SIDE_PX] // CELL_PX
_CELL_OF_PIXEL = _ROW * CELLS + _COLUMN


def oriented_gradients(face: Image) -> Float32:
    """(GRADIENTS,) float32 of a (SIDE_PX, SIDE_PX, 3) uint8 RGB picture.

    The gradient's direction, 0 to 180 degrees, in cells, in blocks of 2 x 2 cells.
    """
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    values = np.sqrt(grey, dtype=np.float32)  # dampens strong light
    across = cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=1)
    down = cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=1)
    strength, angle_rad = cv2.cartToPolar(across, down)
    place = angle_rad * (_BINS / np.pi)
    low = np.floor(place)
    fraction = (place - low) * strength
    first = low.astype(np.int64) % _BINS
    after = (first + 1) % _BINS
    pixels = _CELL_OF_PIXEL * _BINS
    total = CELLS**2 * _BINS
    histogram = np.bincount(
        (pixels + first).ravel(), (strength - fraction).ravel(), total
    )
    histogram += np.bincount((pixels + after).ravel(), fraction.ravel(), total)
    histogram = histogram.reshape(CELLS, CELLS, _BINS)
    blocks = np.concatenate(
        [
            histogram[:-1, :-1],
            histogram[:-1, 1:],
            histogram[1:, :-1],
            histogram[1:, 1:],
        ],
        axis=2,
    )
    # The usual contrast of a block, so that flat ones stay flat.
    lengths = np.sqrt((blocks**2).sum(axis=2, keepdims=True) + _FLAT**2)
    return np.asarray(blocks / lengths, dtype=np.float32).ravel()
