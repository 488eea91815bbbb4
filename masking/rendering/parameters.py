"""Specs as arrays: what the rendering formulas read, one row a spec.

Straps, temples and fingers are straight pieces with round ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from masking.landmarks import Float32
from masking.masks.outline import (
    ANGLES,
    LENS_X,
    Float64,
    Outlines,
    outlines,
    rows_by,
)
from masking.masks.patterns import LEVELS, PERIODS, TILE_PX, print_tile, texture_tile
from masking.masks.relief import has_letters
from masking.masks.spec import KINDS, OCCLUDERS, MaskSpec
from masking.masks.surface import FINGERS, LIMPNESS, surface_number

# What a pixel of a rendered picture shows.
PARTS = ("none", "fabric", "strap", "valve", "visor", "occluder")
# Things that keep their shape: they follow the head, not the skin.
RIGID = ("shield", "hand", "cap", "headscarf", "patch")
_SHADOW = {
    **{"shield": 0.0, "patch": 0.0, "sunglasses": 0.15},
    **{"hand": 0.4, "cap": 0.6, "headscarf": 0.45},
}
_USUAL_SHADOW = 0.30
_NO_SIDE = 9.0
# Hats sit on the skull.
_BEHIND = {"cap": 0.45, "headscarf": 0.5}
_MOULDED_LIMPNESS = 0.12
_WEAVE = {"cloth": 1.0, "gaiter": 0.8, "cap": 1.0, "headscarf": 0.8, "surgical": 0.4}


@dataclass(frozen=True, eq=False)
class Parameters:
    """N specs; arrays have N rows. Lengths are face squares.

    Attributes:
        specs: where they came from.
        surfaces: number of each one's surface in SURFACES.
        centre: (N, 2) middle of the outline.
        turn: (N, 2) cosine and sine of its tilt.
        mirrored: (N,) 1 where |x - 0.5| counts; some_mirrored: whether any is.
        radius, slope: (N, K) outline by angle.
        segments: (N, S, 8) as `segments` gives them.
        sides: of each of the S segments: on which of the face some spec has it.
        limbs: (N,) 1 where segments are fingers and not straps.
        colour, second, strap: (N, 3) linear-light reflectance, gloss included.
        skin: (N,) 1 where the colour is that of the face's own skin.
        crease: (N,) strength of creases; place: (N, 2) their shift.
        folds: (N,) strength of pleats, seams and dents; 1 = as in the surface.
        side: (N,) 1, or -1 where the surface is seen mirrored.
        scale: (N,) 1 over the size of a hand, else 1.
        weave, seam, shadow, rim: (N,) strengths; rim is of a visor's clear edge.
        behind: (N,) how far behind the face its whole lies.
        lit: (N,) 1 where light falls on it, 0 where it is flat.
        part: (N,) index in PARTS.
    """

    specs: tuple[MaskSpec, ...]
    surfaces: list[int]
    centre: Any
    turn: Any
    mirrored: Any
    some_mirrored: bool
    radius: Any
    slope: Any
    segments: Any
    sides: list[list[int]]
    limbs: Any
    colour: Any
    second: Any
    strap: Any
    skin: Any
    crease: Any
    place: Any
    folds: Any
    side: Any
    scale: Any
    weave: Any
    seam: Any
    shadow: Any
    rim: Any
    behind: Any
    lit: Any
    part: Any

    def row(self, number: int) -> Parameters:
        """One of the N, as arrays of one."""
        one = slice(number, number + 1)
        whole = ("some_mirrored", "sides")
        own = {k: values[one] for k, values in vars(self).items() if k not in whole}
        return replace(self, **own)


def parameters(arrays: Any, specs: Sequence[MaskSpec]) -> Parameters:
    """The arrays of some specs, at least one."""
    shapes = outlines(specs)
    pieces = segments(specs, shapes)
    return Parameters(
        specs=tuple(specs),
        surfaces=[surface_number(spec) for spec in specs],
        some_mirrored=bool(shapes.mirrored.any()),
        radius=arrays.array(shapes.radius),
        slope=arrays.array(shapes.slope),
        segments=arrays.array(pieces),
        sides=_sides(pieces),
        **_columns(arrays, specs, shapes),
    )


def _sides(pieces: Float64) -> list[list[int]]:
    """The sides that each of (N, S, 8) segments lies on, where it is there."""
    sides = np.where(pieces[..., 4] >= 0, pieces[..., 5], _NO_SIDE).T.tolist()
    return [sorted({int(side) for side in set(row) - {_NO_SIDE}}) for row in sides]


def _columns(
    arrays: Any, specs: Sequence[MaskSpec], shapes: Outlines
) -> dict[str, Any]:
    """The fields of `Parameters` that are a few numbers a spec, (N,) or (N, M).

    They go to the device as one table: a copy each would take longer than they do.
    """
    seeds = np.array([spec.seed for spec in specs])[:, None]
    rows = (
        (*s.colour, *s.second, *s.strap, s.wrinkle, s.gloss, s.widen) for s in specs
    )
    # Half of the time of an array of the rows.
    drawn = np.fromiter(chain.from_iterable(rows), float).reshape(len(specs), -1)
    own = _OF_KINDS[[_ROW_OF_KIND[spec.kind] for spec in specs]]
    own[shapes.moulded, 0] = _MOULDED_LIMPNESS
    tilt = shapes.tilt_rad[:, None]
    parts = {
        "centre": shapes.centre,
        "turn": np.concatenate([np.cos(tilt), np.sin(tilt)], axis=1),
        "mirrored": shapes.mirrored[:, None],
        "colour": drawn[:, :3] * drawn[:, 10:11],
        "second": drawn[:, 3:6],
        "strap": drawn[:, 6:9],
        "crease": 0.17 * drawn[:, 9:10] * own[:, :1],
        # Where the mask lies on the crease tile.
        "place": np.concatenate([seeds % 9973 / 9973, seeds % 8191 / 8191], axis=1),
        "folds": own[:, 1:2] + (1 - own[:, 1:2]) * (0.3 + 0.8 * drawn[:, 9:10]),
        "side": np.where((seeds % 2 > 0) | (own[:, 2:3] > 0), 1.0, -1.0),
        "scale": 1 / np.where(own[:, 3:4] > 0, 1 + drawn[:, 11:], 1.0),
        "of_kind": own[:, 3:],
    }
    table = arrays.array(np.concatenate(list(parts.values()), axis=1))
    columns, start = {}, 0
    for name, part in parts.items():
        stop = start + part.shape[1]
        one = stop == start + 1
        columns[name] = table[:, start] if one else table[:, start:stop]
        start = stop
    whole = columns.pop("of_kind")
    columns |= {name: whole[:, number] for number, name in enumerate(_OF_KIND_NAMES)}
    return columns


# The fields of `Parameters` that a kind alone decides.
_OF_KIND_NAMES = (
    *("limbs", "skin", "weave", "seam", "shadow", "rim", "behind", "lit", "part"),
)


def _of_kind(kind: str) -> tuple[float, ...]:
    """Limpness, stiffness, whether it has letters, and _OF_KIND_NAMES."""
    hand = float(kind == "hand")
    part = "visor" if kind == "shield" else "fabric"
    return (
        LIMPNESS[kind],
        float(kind in RIGID or kind in OCCLUDERS),
        float(has_letters(kind)),
        hand,
        hand,
        _WEAVE.get(kind, 0.0),
        0.0 if kind in ("shield", "hand", "patch") else 0.12,
        _SHADOW.get(kind, _USUAL_SHADOW),
        0.35 if kind == "shield" else 0.0,
        _BEHIND.get(kind, 0.0),
        float(kind != "patch"),
        float(PARTS.index("occluder" if kind in OCCLUDERS else part)),
    )


_OF_KINDS = np.array([_of_kind(kind) for kind in KINDS + OCCLUDERS])
_ROW_OF_KIND = {kind: row for row, kind in enumerate(KINDS + OCCLUDERS)}


def tile_of(spec: MaskSpec, px_per_unit: float) -> Float32 | None:
    """The print's tile: see `numpy_backend.Arrays.tiles`; three channels are linear
    RGB.

    Args:
        px_per_unit: size of the face in the picture: small prints blur.

    Returns:
        None for plain fabric.
    """
    if spec.print_name == "plain":
        return None
    if spec.print_name == "image":
        return texture_tile(spec.texture, spec.texture_sha256)
    tile_px = spec.print_pitch * PERIODS * px_per_unit
    level = int(np.clip(np.ceil(np.log2(TILE_PX / max(tile_px, 1.0))), 0, LEVELS - 1))
    return print_tile(spec.print_name, level)


def print_turn(spec: MaskSpec) -> tuple[float, float]:
    """Tiles a face square along the print's own axes: cosine and sine parts."""
    periods = 1 if spec.print_name == "image" else PERIODS
    scale = 1 / (spec.print_pitch * periods)
    # Words and pictures are printed to be read.
    upright = {"image": 0.0, "words": 0.15 * (spec.print_rad - np.pi / 2)}
    angle = upright.get(spec.print_name, spec.print_rad)
    return float(np.cos(angle) * scale), float(np.sin(angle) * scale)


STRAP_HALF_WIDTH = 0.0105
BAND_HALF_WIDTH = 0.013
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
# Loops of one piece with the mask are wider than elastic ones.
_MOULDED_LOOP = 3.0
# Straps hang through by this fraction of their length.
_SAG = 0.03
_STRAPS = {
    "surgical": _EAR_LOOP,
    "cloth": _EAR_LOOP,
    "kn95": _EAR_LOOP,
    "ffp2": _HEAD_BANDS,
    "duckbill": _HEAD_BANDS,
}
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
    for kind, rows in rows_by(spec.kind for spec in specs).items():
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
    pieces[shapes.moulded[rows], :, 4] *= _MOULDED_LOOP
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
