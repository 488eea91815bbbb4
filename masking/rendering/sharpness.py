"""How sharp a photograph is, and how noisy: what is rendered on it has to match."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.landmarks import LEFT_EYE, RIGHT_EYE, Float32, Image, Landmarks


def sharpness(image: Image, landmarks: Landmarks) -> tuple[float, float]:
    """Blur from the steepest edges around the eyes, px, and the noise level.

    A step of height h blurred by sigma has the slope h / (sigma sqrt(2 pi)).
    Noise: Immerkaer, "Fast noise variance estimation", CVIU 1996, eq. 3, as a
    median so that edges do not count.
    """
    grey = _eye_region(image, landmarks)
    if min(grey.shape) < 5:
        return 1.0, 1.0
    values = grey.astype(np.float32)
    across = np.abs(np.diff(values, axis=1))[:-1]
    down = np.abs(np.diff(values, axis=0))[:, :-1]
    slope = float(quantile(_ordered(np.hypot(across, down)), 0.995))
    levels = _ordered(values)
    height = float(quantile(levels, 0.97) - quantile(levels, 0.03))
    blur_px = 0.55 * height / (2.507 * max(slope, 1.0))
    mixed = cv2.filter2D(
        values, -1, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    )
    grain = float(quantile(_ordered(np.abs(mixed)), 0.5)) / 0.6745 / 6.0
    # Compressed pictures have little noise where they have no detail.
    return float(np.clip(blur_px, 0.3, 6.0)), min(0.7 * grain, 2.5)


def quantile(ordered: Float32, fraction: float) -> Any:
    """np.quantile of rows in ascending order; its own calls cost more than sorting.

    Args:
        fraction: 0 = the lowest row, 1 = the highest.
    """
    place = fraction * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * np.float32(place - low)


def _ordered(values: Any) -> Float32:
    return np.sort(values, axis=None)


def _eye_region(image: Image, landmarks: Landmarks) -> NDArray[np.uint8]:
    """Grey pixels around both eyes; may be empty at the picture's border."""
    points = landmarks.points[RIGHT_EYE.start : LEFT_EYE.stop]
    margin = 0.25 * landmarks.interocular_px
    left, top = np.maximum(points.min(axis=0) - margin, 0).astype(int)
    right, bottom = np.maximum(points.max(axis=0) + margin + 1, 0).astype(int)
    region = image[top:bottom, left:right]
    if region.size == 0:
        return np.zeros((0, 0), np.uint8)
    return np.asarray(cv2.cvtColor(region, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
