"""A drawn head whose hair may hang across a cheek."""

import cv2
import numpy as np

from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Landmarks

SQUARE_PX = 100
SKIN, HAIR, BACKGROUND = (205, 150, 125), (38, 28, 24), (150, 160, 170)
POINTS = (CANONICAL_FACE * SQUARE_PX + (90, 90)).astype(np.float32)
MARKS = Landmarks(POINTS)


def px_at(x, y):
    """Px of a canonical place."""
    return round(90 + SQUARE_PX * x), round(90 + SQUARE_PX * y)


def haired_face(skin=SKIN, hair=HAIR, strand=False, background=BACKGROUND):
    """A drawn head under hair; the strand hangs across the person's left cheek."""
    pixels = np.full((280, 280, 3), background, np.uint8)
    cv2.ellipse(pixels, px_at(0.5, 0.30), (78, 82), 0, 0, 360, hair, -1)
    cv2.ellipse(pixels, px_at(0.5, 0.48), (62, 74), 0, 0, 360, skin, -1)
    if strand:
        corners = [
            px_at(0.98, -0.1),
            px_at(1.3, 0.1),
            px_at(0.92, 0.85),
            px_at(0.80, 0.8),
        ]
        cv2.fillPoly(pixels, [np.array(corners, np.int32)], hair)
    for eye in (36, 42):
        centre = POINTS[eye : eye + 6].mean(axis=0).round().astype(int).tolist()
        cv2.ellipse(pixels, centre, (9, 4), 0, 0, 360, (40, 30, 30), -1)
    return cv2.GaussianBlur(pixels, (0, 0), 0.8)
