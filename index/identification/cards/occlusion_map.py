"""Which parts of a face a score rests on: occlusion sensitivity.

Source: Zeiler & Fergus, "Visualizing and understanding convolutional networks",
ECCV 2014, section 4.2, with the squared distance to a person in place of a class
score. It explains what the network looked at; it does not prove that the answer is
right.
"""

from __future__ import annotations

import cv2
import numpy as np

from masking.landmarks import Float32, Image
from training.embedders.embedded_face import Embedder
from training.metrics.score_normalization import squared_distances

# Side of the patch, as a fraction of the chip's, and patches along a side. Smaller
# patches move an embedding by less than its noise.
_PATCH = 0.25
_PLACES = 7
# Squared distances change by less than this through noise; colours start here.
_SILENCE = 0.02
_FOR = np.array([230, 97, 1], dtype=np.float32)
_AGAINST = np.array([33, 102, 172], dtype=np.float32)
_STRONGEST = 0.75


def occlusion_heat(chip: Image, person: Float32, embedder: Embedder) -> Float32:
    """How much farther from a person a face gets when a part of it is covered.

    A patch of the chip's mean colour slides over it; a pixel's value is the mean
    change of the squared distance over the patches that cover it.

    Args:
        chip: (3, S, S) uint8 RGB.
        person: (D,) template that distances are to.

    Returns:
        (S, S) float32; above 0 the part speaks for the person, below 0 against.
    """
    side = chip.shape[1]
    patch = max(1, round(_PATCH * side))
    starts = np.linspace(0, side - patch, _PLACES).round().astype(int)
    windows = [
        (slice(y, y + patch), slice(x, x + patch)) for y in starts for x in starts
    ]
    covered = np.repeat(chip[None], len(windows) + 1, axis=0)
    mean = np.rint(chip.reshape(3, -1).mean(axis=1)).astype(np.uint8)
    for number, (down, across) in enumerate(windows):
        covered[number, :, down, across] = mean[:, None, None]
    rows = embedder.embed(covered)
    away = squared_distances(rows, person[None], embedder.cohort)[:, 0]
    total = np.zeros((side, side), np.float32)
    count = np.zeros((side, side), np.float32)
    for (down, across), distance in zip(windows, away[:-1], strict=True):
        total[down, across] += distance - away[-1]
        count[down, across] += 1
    return np.asarray(total / count, dtype=np.float32)


def coloured_heat(chip: Image, heat: Float32) -> Image:
    """The grey chip, orange where it speaks for the person, blue where against.

    Args:
        chip: (S, S, 3) uint8 RGB.
        heat: (S, S) of `occlusion_heat`.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    # The edges of the patches are no edges of the face.
    soft = cv2.GaussianBlur(heat, (0, 0), chip.shape[0] / 25)
    fraction = np.clip(soft / max(float(np.abs(soft).max()), _SILENCE), -1, 1)
    grey = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).astype(np.float32)
    ground = np.repeat(grey[:, :, None] * 0.8 + 40, 3, axis=2)
    colour = np.where(fraction[:, :, None] > 0, _FOR, _AGAINST)
    alpha = np.abs(fraction)[:, :, None] * _STRONGEST
    mixed = ground * (1 - alpha) + colour * alpha
    return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8)
