"""Straps: from the mask's edge around the ears or to the back of the head."""

from __future__ import annotations

import numpy as np

from masking.landmarks import Float32
from masking.mask_outline import ANGLES, Outline, length
from masking.mask_spec import MaskSpec

# Straps of one side, from the mask (x - 0.5, y) to where they leave the picture
# of the face: around the ear, or over and under it to the back of the head.
_EAR_LOOP = (((0.57, 0.56), (0.62, 0.30)), ((0.55, 0.86), (0.61, 0.58)))
_HEAD_BANDS = (((0.50, 0.66), (0.62, 0.26)), ((0.53, 0.90), (0.60, 0.70)))
_STRAPS = {
    "surgical": _EAR_LOOP,
    "cloth": _EAR_LOOP,
    "kn95": _EAR_LOOP,
    "ffp2": _HEAD_BANDS,
    "duckbill": _HEAD_BANDS,
    "gaiter": (),
}
STRAP_HALF_WIDTH = 0.008


def strap_segments(
    spec: MaskSpec, shape: Outline
) -> list[tuple[float, float, float, float]]:
    """Straight strap pieces (x0, y0, x1, y1), canonical, both sides of the face.

    Args:
        shape: the spec's outline.
    """
    shift = shape.centre[1] - 0.8
    down = max(0.0, shift) * 0.6 if spec.wear != "chin_out" else 0.0
    segments = []
    for side in (-1.0, 1.0):
        for (x0, y0), (x1, y1) in _STRAPS[spec.kind]:
            # Straps follow the mask's tilt at the end that is sewn to it.
            tilt = side * x0 * float(np.sin(spec.tilt_rad))
            start = _sewn(shape, 0.5 + side * x0, y0 + down + tilt)
            segments.append((*start, 0.5 + side * x1, y1))
    return segments


def _sewn(shape: Outline, x: float, y: float) -> tuple[float, float]:
    """The strap's end (x, y), pulled onto the mask where it would float beside it."""
    dx, dy = x - shape.centre[0], y - shape.centre[1]
    place = (np.arctan2(dy, dx) / (2 * np.pi) + 0.5) * ANGLES
    steps = np.arange(ANGLES + 1)
    slope = np.interp(place, steps, shape.slope)
    reach = np.interp(place, steps, shape.radius) - STRAP_HALF_WIDTH / slope
    share = min(1.0, float(reach / np.hypot(dx, dy)))
    return shape.centre[0] + share * dx, shape.centre[1] + share * dy


def strap_distance(spec: MaskSpec, shape: Outline, x: Float32, y: Float32) -> Float32:
    """Distance to the nearest strap's edge, face squares; positive on a strap."""
    nearest = np.full_like(x, 9.0)
    for x0, y0, x1, y1 in strap_segments(spec, shape):
        along_x, along_y = x1 - x0, y1 - y0
        squared = along_x**2 + along_y**2
        t = np.clip(((x - x0) * along_x + (y - y0) * along_y) / squared, 0, 1)
        gap = length(x - (x0 + t * along_x), y - (y0 + t * along_y))
        np.minimum(nearest, gap, out=nearest)
    return np.asarray(STRAP_HALF_WIDTH - nearest, dtype=np.float32)
