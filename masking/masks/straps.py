"""Straps, temples and fingers: straight pieces with round ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masking.masks.outline import ANGLES, LENS_X, Float64, Outlines, rows_by_kind
from masking.masks.spec import MaskSpec

STRAP_HALF_WIDTH = 0.0065
BAND_HALF_WIDTH = 0.009
# What the end of a segment is relative to.
FACE, EAR_TOP, EAR_BOTTOM = 0, 1, 2
# Straps of one side, from the mask (x - 0.5, y) to a root of the ear and (dx, dy)
# further: around the ear, or over it to the crown and under it to the neck.
_EAR_LOOP = (
    ((0.56, 0.475), EAR_TOP, (0.0, -0.02), STRAP_HALF_WIDTH),
    ((0.54, 0.935), EAR_BOTTOM, (-0.01, -0.02), STRAP_HALF_WIDTH),
)
_HEAD_BANDS = (
    ((0.53, 0.63), EAR_TOP, (0.04, -0.16), BAND_HALF_WIDTH),
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
FINGERS = (
    (-0.19, -0.10, -0.27, -0.52, 0.066),
    (-0.06, -0.18, -0.08, -0.66, 0.072),
    (0.07, -0.18, 0.10, -0.64, 0.070),
    (0.19, -0.10, 0.26, -0.48, 0.060),
    (0.20, 0.12, 0.46, -0.14, 0.076),
    (0.0, 0.25, 0.0, 1.30, 0.21),
)
MIDDLE, RIGHT, LEFT = 0, -1, 1
# Half width of a segment that is not there.
_ABSENT = -1.0
NOWHERE = (9.0, 9.0, 9.0, 9.1, _ABSENT, 0.0, 0.0, 0.0)
_FIELDS = len(NOWHERE)


def segments(specs: Sequence[MaskSpec], shapes: Outlines) -> Float64:
    """The straight pieces of what N specs describe; `shapes` are their outlines.

    Returns:
        (N, S, 8), S as of the one that has most; the others' last are NOWHERE. Of each
        piece: start x and y, end x and y, canonical; half width, face squares; the
        side of the face (the person's), or MIDDLE; FACE, or the root of that side's
        ear that its end is relative to, as where the ear is depends on the turn of
        the head; and how far the middle hangs to one side, face squares.
    """
    found = {}
    for kind, rows in rows_by_kind(specs).items():
        own = [specs[row] for row in rows]
        if kind == "hand":
            found[kind] = rows, _fingers(own, shapes, rows)
        elif kind == "sunglasses":
            found[kind] = rows, _glasses_frame(shapes, rows)
        elif kind in _STRAPS:
            found[kind] = rows, _straps(kind, own, shapes, rows)
    longest = max((pieces.shape[1] for _, pieces in found.values()), default=0)
    whole = np.empty((len(specs), longest, _FIELDS))
    whole[...] = NOWHERE
    for rows, pieces in found.values():
        whole[rows, : pieces.shape[1]] = pieces
    return whole


def _straps(
    kind: str, specs: Sequence[MaskSpec], shapes: Outlines, rows: list[int]
) -> Float64:
    side, x0, y0, ear, x1, y1, half = _STRAP_COLUMNS[kind].T
    up = np.array([spec.wearing_style == "chin_out" for spec in specs])[:, None]
    down = np.maximum(shapes.centre[rows, 1:] - 0.8, 0) * 0.6 * ~up
    pieces = np.empty((len(specs), len(side), _FIELDS))
    pieces[..., :2] = _sewn(shapes, rows, 0.5 + side * x0, y0 + down)
    pieces[..., 2:7] = np.stack([side * x1, y1, half, side, ear], axis=-1)
    top = np.where(ear == EAR_BOTTOM, 1.0, 0.2)
    pieces[..., 7] = -side * _SAG * top * (1 + 3 * down)
    return pieces


def _strap_columns(kind: str) -> Float64:
    """(S, 7): side, start x and y, ear, end x and y, half width."""
    return np.array(
        [
            (side, *start, ear, *end, half)
            for side in (RIGHT, LEFT)
            for start, ear, end, half in _STRAPS[kind]
        ]
    )


_STRAP_COLUMNS = {kind: _strap_columns(kind) for kind in _STRAPS}


def _fingers(specs: Sequence[MaskSpec], shapes: Outlines, rows: list[int]) -> Float64:
    size = 1 + np.array([spec.widen for spec in specs])[:, None]
    mirror = np.array([-1.0 if spec.seed % 2 else 1.0 for spec in specs])[:, None]
    x0, y0, x1, y1, half_width = np.array(FINGERS).T
    pieces = np.zeros((len(specs), len(FINGERS), _FIELDS))
    pieces[..., :2] = _turned(shapes, rows, mirror * size * x0, size * y0)
    pieces[..., 2:4] = _turned(shapes, rows, mirror * size * x1, size * y1)
    pieces[..., 4] = half_width * size
    return pieces


def _glasses_frame(shapes: Outlines, rows: list[int]) -> Float64:
    y = shapes.centre[rows, 1] - 0.03
    inner, outer = LENS_X - 0.18, LENS_X + 0.19
    pieces = np.zeros((len(rows), 3, _FIELDS))
    pieces[:, 0] = (0.5 - inner, 0, 0.5 + inner, 0, 0.016, MIDDLE, FACE, 0)
    for number, side in enumerate((RIGHT, LEFT), 1):
        start = 0.5 + side * outer
        pieces[:, number] = (start, 0, 0.0, -0.05, 0.018, side, EAR_TOP, 0)
    pieces[..., 1] = y[:, None]
    pieces[:, 0, 3] = y
    return pieces


def _turned(shapes: Outlines, rows: list[int], dx: Float64, dy: Float64) -> Float64:
    """(N, S, 2) points of the outlines' frames, relative to their centres, on faces."""
    tilt = shapes.tilt_rad[rows, None]
    cosine, sine = np.cos(tilt), np.sin(tilt)
    turned = np.stack([cosine * dx - sine * dy, sine * dx + cosine * dy], axis=-1)
    return np.asarray(shapes.centre[rows, None] + turned)


def _sewn(shapes: Outlines, rows: list[int], x: Float64, y: Float64) -> Float64:
    """Straps' ends (x, y) of untilted masks, pulled onto the masks and tilted."""
    centre = shapes.centre[rows]
    dx, dy = x - centre[:, :1], y - centre[:, 1:]
    place = (np.arctan2(dy, dx) / (2 * np.pi) + 0.5) * ANGLES
    low = np.minimum(place.astype(int), ANGLES - 1)
    part = place - low
    at = np.array(rows)[:, None]
    radius, slope = (
        (1 - part) * values[at, low] + part * values[at, low + 1]
        for values in (shapes.radius, shapes.slope)
    )
    reach = radius - STRAP_HALF_WIDTH / slope
    fraction = np.minimum(1.0, reach / np.hypot(dx, dy))
    return _turned(shapes, rows, fraction * dx, fraction * dy)
