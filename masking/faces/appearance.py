"""What a face looks like: how far it is turned, how bright and how sharp it is."""

from __future__ import annotations

import cv2
import numpy as np

from masking.landmarks import Image, Landmarks

# How far the tip of the nose lies before the eyes, as a fraction of their distance:
# 38.4 / 65.7 in the mean 3D face of OpenFace (Baltrusaitis et al., "OpenFace 2.0",
# FG 2018).
_NOSE_DEPTH = 0.585
_NOSE_TIP = 30
# Of an aligned crop, from brows to the tip of the nose: hardly ever under a mask.
_TOP, _BOTTOM, _SIDE = 0.2, 0.5, 0.2
# Brows to nose of that crop, as they are looked at and without what is finer than a
# quarter of them, px.
_SHARP, _COARSE = (80, 56), (20, 14)


def yaw_deg(landmarks: Landmarks) -> float:
    """How far a head is turned, 0 = ahead, above 0 to the right of the picture.

    Under weak perspective a turn by y moves the tip of the nose, d before the middle
    of the eyes, by d sin y along their axis and shrinks their distance e to e cos y.
    """
    right, left = landmarks.eye_centres()
    axis = left - right
    across = (landmarks.points[_NOSE_TIP] - (right + left) / 2) @ axis
    seen = float(across) / float(axis @ axis)
    return float(np.degrees(np.arctan(seen / _NOSE_DEPTH)))


def light_of(crop: Image) -> tuple[float, float]:
    """Mean brightness of an (S, S, 3) crop's upper face, and how much its sides differ.

    Returns:
        Brightness in [0, 1]; |left - right| / (left + right) in [0, 1].
    """
    size = len(crop)
    rows = slice(round(_TOP * size), round(_BOTTOM * size))
    grey = crop[rows, round(_SIDE * size) : round((1 - _SIDE) * size)].mean(axis=2)
    left, right = (float(half.mean()) for half in np.array_split(grey, 2, axis=1))
    return (left + right) / 510, abs(left - right) / max(left + right, 1e-9)


def detail_of(crop: Image) -> float:
    """How much of the contrast of an (S, S, 3) crop's upper face is fine, 0 to 1.

    Of press photos 99% are above .1. Blurred by 3 px where the eyes are 40 px apart,
    half of them are below .06, and enlarged from 6 px between the eyes below .07.
    """
    size = len(crop)
    rows = slice(round(0.14 * size), round(0.64 * size))
    part = crop[rows, round(0.14 * size) : round(0.86 * size)]
    grey = cv2.resize(
        cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), _SHARP, interpolation=cv2.INTER_AREA
    ).astype(np.float32)
    small = cv2.resize(grey, _COARSE, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, _SHARP, interpolation=cv2.INTER_CUBIC)
    return float((grey - coarse).std() / max(float(grey.std()), 1.0))
