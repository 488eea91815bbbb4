"""Mends jaw line, neck and forehead, where no landmarks hold the average.

Where the jaw ends and the neck begins differs from photograph to photograph, so
the average of skin below the jaw is a wide, blotchy neck.
"""

from __future__ import annotations

import cv2
import numpy as np

from masking.landmarks import Float32, Image
from tools.detector_training.training_faces import SIDE_PX
from tools.sample_people.face_layers import SKIN

# Of the width between the jaw's corners.
_NECK_WIDTH = 0.66
_SHADOW = 0.30


def outside_jaw_px(mean: Float32) -> Float32:
    """(250, 250) distance to the jaw line, px; 0 in the face and above its ears.

    Args:
        mean: (68, 2) px, the mean shape.
    """
    left, right = mean[0, 0], mean[16, 0]
    roof = [(right + 20, mean[1, 1]), (right + 20, -1), (left - 20, -1)]
    roof.append((left - 20, mean[1, 1]))
    head = np.vstack([mean[2:15], roof])
    mask: Image = np.ones((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillPoly(mask, [np.round(head).astype(np.int32)], 0)
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), dtype=np.float32)


def narrowed(outlines: Float32, mean: Float32) -> Float32:
    """Outlines (250, 250, 4) with less skin beside the neck."""
    jaw = mean[4:13]
    middle, half = jaw[:, 0].mean(), np.ptp(jaw[:, 0]) * _NECK_WIDTH / 2
    columns = np.arange(SIDE_PX, dtype=np.float32)
    beside = np.clip(np.abs(columns - middle) - half, 0, 12)[None]
    # Collars open wider than necks: from the shoulders on, leave it as it is.
    rows = np.arange(SIDE_PX, dtype=np.float32)[:, None]
    above = np.clip((mean[8, 1] + 22 - rows) / 10, 0, 1)
    away = np.clip(outside_jaw_px(mean), 0, 8) / 8
    result = outlines.copy()
    result[..., SKIN] -= 0.35 * beside * above * away
    below = (rows > mean[8, 1] - 6) & (rows < mean[8, 1] + 14) & (beside == 0)
    throat = cv2.GaussianBlur(below.astype(np.float32), (0, 0), 5.0)
    result[..., SKIN] += 1.4 * np.asarray(throat)
    return np.asarray(result, dtype=np.float32)


def shaded(skin: Float32, mean: Float32) -> Float32:
    """The skin layer (250, 250, 3) with an even neck in the shadow of the jaw."""
    away_px = outside_jaw_px(mean)
    neck = np.asarray(cv2.GaussianBlur(np.clip(away_px / 5, 0, 1), (0, 0), 1.5))
    colour = _cheek_colour(skin, mean)
    grey = cv2.GaussianBlur(skin.mean(axis=2), (0, 0), 4.0) / colour.mean()
    shadow = 1 - _SHADOW * np.exp(-away_px / 14)
    even = colour * (np.clip(grey, 0.6, 1.05) * shadow)[..., None]
    fraction = 0.85 * neck[..., None]
    return np.asarray(fraction * even + (1 - fraction) * skin, dtype=np.float32)


def cleared_forehead(skin: Float32, mean: Float32) -> Float32:
    """The skin layer (250, 250, 3) with fringes of all lengths taken off.

    The layer of the fringe is hair; what photographs left of it in the skin
    averages to brown patches.
    """
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    middle, half = mean[17:27, 0].mean(), np.ptp(mean[17:27, 0]) / 2 + 3
    # The temples are bare beside the brows too, as far down as the eyes.
    lowest = np.where(np.abs(x - middle) < half, mean[17:27, 1].min(), mean[36, 1])
    above = np.clip((lowest - 4 - y) / 8, 0, 1)
    fraction = 0.85 * np.asarray(cv2.GaussianBlur(above, (0, 0), 2.0))[..., None]
    colour = _cheek_colour(skin, mean)
    smooth = np.asarray(cv2.GaussianBlur(skin, (0, 0), 6.0))
    level = smooth.mean(axis=2, keepdims=True) / colour.mean()
    even = colour * np.clip(level, 0.85, 1.15) + 0.6 * (skin - smooth)
    return np.asarray(fraction * even + (1 - fraction) * skin, dtype=np.float32)


def _cheek_colour(skin: Float32, mean: Float32) -> Float32:
    """(3,) RGB of cheeks and nose."""
    top, bottom = int(mean[29, 1]), int(mean[33, 1])
    cheeks = skin[top:bottom, int(mean[4, 0]) : int(mean[12, 0])]
    return np.asarray(np.median(cheeks.reshape(-1, 3), axis=0), dtype=np.float32)
