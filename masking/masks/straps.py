"""Straps, temples and fingers: straight pieces with round ends."""

from __future__ import annotations

import math
from typing import NamedTuple

from masking.masks.outline import ANGLES, LENS_X, Outline
from masking.masks.spec import MaskSpec

STRAP_HALF_WIDTH = 0.0065
BAND_HALF_WIDTH = 0.009
# What the end of a segment is relative to.
# Bands that pass over the ear lie on hair.
FACE, EAR_TOP, EAR_BOTTOM, OVER_EAR = 0, 1, 2, 3
# Straps of one side, from the mask (x - 0.5, y) to a root of the ear and (dx, dy)
# further: around the ear, or over it to the crown and under it to the neck.
_EAR_LOOP = (
    ((0.56, 0.475), EAR_TOP, (0.0, -0.02), STRAP_HALF_WIDTH),
    ((0.54, 0.935), EAR_BOTTOM, (-0.01, -0.02), STRAP_HALF_WIDTH),
)
_HEAD_BANDS = (
    ((0.53, 0.63), OVER_EAR, (0.04, -0.16), BAND_HALF_WIDTH),
    ((0.55, 0.86), EAR_BOTTOM, (-0.01, 0.03), BAND_HALF_WIDTH),
)
# Straps hang through by this fraction of their length.
_SAG = 0.03
_STRAPS = {
    "surgical": _EAR_LOOP,
    "cloth": _EAR_LOOP,
    "kn95": _EAR_LOOP,
    "ffp2": _HEAD_BANDS,
    "duckbill": _HEAD_BANDS,
}
# Fingers of a hand whose palm's middle is (0, 0): root, tip and half width.
_FINGERS = (
    (-0.19, -0.10, -0.27, -0.52, 0.066),
    (-0.06, -0.18, -0.08, -0.66, 0.072),
    (0.07, -0.18, 0.10, -0.64, 0.070),
    (0.19, -0.10, 0.26, -0.48, 0.060),
    (0.20, 0.12, 0.46, -0.14, 0.076),
    (0.0, 0.25, 0.0, 1.30, 0.21),
)
MIDDLE, RIGHT, LEFT = 0, -1, 1


class Segment(NamedTuple):
    """A straight piece (x0, y0) to (x1, y1), canonical.

    Attributes:
        half_width: face squares.
        side: RIGHT or LEFT of the face (the person's), or MIDDLE.
        ends_at: FACE, or the root of that side's ear that x1, y1 are relative to;
            where the ear is depends on the turn of the head.
        sag: how far the middle hangs to one side, face squares.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    half_width: float
    side: int
    ends_at: int = FACE
    sag: float = 0.0


def segments(spec: MaskSpec, shape: Outline) -> list[Segment]:
    """The straight pieces of what a spec describes; `shape` is its outline."""
    if spec.kind == "hand":
        return _fingers(spec, shape)
    if spec.kind == "sunglasses":
        return _glasses_frame(spec, shape)
    down = (
        max(0.0, shape.centre[1] - 0.8) * 0.6
        if spec.wearing_style != "chin_out"
        else 0.0
    )
    pieces = []
    for side in (RIGHT, LEFT):
        for (x0, y0), ear, (x1, y1), half in _STRAPS.get(spec.kind, ()):
            start = _sewn(shape, 0.5 + side * x0, y0 + down)
            sag = -side * _SAG * (1.0 if ear == EAR_BOTTOM else 0.2) * (1 + 3 * down)
            pieces.append(Segment(*start, side * x1, y1, half, side, ear, sag))
    return pieces


def _fingers(spec: MaskSpec, shape: Outline) -> list[Segment]:
    size = 1 + spec.widen
    mirror = -1.0 if spec.seed % 2 else 1.0
    pieces = []
    for x0, y0, x1, y1, half_width in _FINGERS:
        start = _turned(shape, mirror * size * x0, size * y0)
        end = _turned(shape, mirror * size * x1, size * y1)
        pieces.append(Segment(*start, *end, half_width * size, MIDDLE))
    return pieces


def _glasses_frame(spec: MaskSpec, shape: Outline) -> list[Segment]:
    y = shape.centre[1] - 0.03
    inner, outer = LENS_X - 0.18, LENS_X + 0.19
    pieces = [Segment(0.5 - inner, y, 0.5 + inner, y, 0.016, MIDDLE)]
    for side in (RIGHT, LEFT):
        pieces.append(Segment(0.5 + side * outer, y, 0.0, -0.05, 0.018, side, EAR_TOP))
    return pieces


def _turned(shape: Outline, dx: float, dy: float) -> tuple[float, float]:
    """A point of the outline's frame, relative to its centre, on the face."""
    cosine, sine = math.cos(shape.tilt_rad), math.sin(shape.tilt_rad)
    return (
        float(shape.centre[0] + cosine * dx - sine * dy),
        float(shape.centre[1] + sine * dx + cosine * dy),
    )


def _sewn(shape: Outline, x: float, y: float) -> tuple[float, float]:
    """A strap's end (x, y) of an untilted mask, pulled onto the mask and tilted."""
    dx, dy = x - shape.centre[0], y - shape.centre[1]
    place = (math.atan2(dy, dx) / (2 * math.pi) + 0.5) * ANGLES
    low = min(int(place), ANGLES - 1)
    part = place - low
    slope = float((1 - part) * shape.slope[low] + part * shape.slope[low + 1])
    radius = float((1 - part) * shape.radius[low] + part * shape.radius[low + 1])
    reach = radius - STRAP_HALF_WIDTH / slope
    fraction = min(1.0, reach / math.hypot(dx, dy))
    return _turned(shape, fraction * dx, fraction * dy)
