"""Specs as arrays: what the rendering formulas read, one row a spec."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from masking.landmarks import Float32
from masking.masks.outline import Outline, outlines
from masking.masks.patterns import LEVELS, PERIODS, TILE_PX, print_tile
from masking.masks.spec import OCCLUDERS, MaskSpec
from masking.masks.straps import segments
from masking.masks.surface import LIMPNESS, SURFACES, surface_name
from masking.masks.textures import texture_tile

# What a pixel of a rendered picture shows.
PARTS = ("none", "fabric", "strap", "valve", "visor", "occluder")
# Things that keep their shape: they follow the head, not the skin.
RIGID = ("shield", "hand", "cap", "headscarf", "patch")
# Length of a segment that is not there.
_NOWHERE = (9.0, 9.0, 9.0, 9.1, -1.0, 0.0, 0.0, 0.0)
_SHADOW = {"shield": 0.0, "patch": 0.0, "sunglasses": 0.15}
_USUAL_SHADOW = 0.30
# Hats sit on the skull.
_BEHIND = {"cap": 0.45, "headscarf": 0.5}
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
        segments: (N, S, 8) the fields of `mask_straps.Segment`.
        sides: of each of the S segments: the sides of those specs' that have it.
        limbs: (N,) 1 where segments are fingers and not straps.
        colour, second, strap: (N, 3) linear-light reflectance, gloss included.
        skin: (N,) 1 where the colour is that of the face's own skin.
        crease: (N,) strength of creases; place: (N, 2) their shift.
        valve_side: (N,) 1 or -1.
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
    valve_side: Any
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
    pieces = [segments(*pair) for pair in zip(specs, shapes, strict=True)]
    longest = max(len(piece) for piece in pieces)
    padded = [[*piece, *[_NOWHERE] * (longest - len(piece))] for piece in pieces]
    return Parameters(
        specs=tuple(specs),
        surfaces=[SURFACES.index(surface_name(s)) for s in specs],
        some_mirrored=any(shape.mirrored for shape in shapes),
        radius=arrays.array(np.stack([shape.radius for shape in shapes])),
        slope=arrays.array(np.stack([shape.slope for shape in shapes])),
        segments=arrays.array(np.array(padded).reshape(len(specs), longest, 8)),
        sides=[
            [int(piece[k].side) for piece in pieces if k < len(piece)]
            for k in range(longest)
        ],
        **_columns(
            arrays, [_numbers(*pair) for pair in zip(specs, shapes, strict=True)]
        ),
    )


def _columns(arrays: Any, rows: list[dict[str, list[float]]]) -> dict[str, Any]:
    """Each name's numbers of all rows: (N,) single ones, (N, M) several.

    They go to the device as one table: a copy each would take longer than they do.
    """
    table = arrays.array([[n for part in row.values() for n in part] for row in rows])
    columns, start = {}, 0
    for name, part in rows[0].items():
        stop = start + len(part)
        columns[name] = table[:, start] if len(part) == 1 else table[:, start:stop]
        start = stop
    return columns


def _numbers(spec: MaskSpec, shape: Outline) -> dict[str, list[float]]:
    """The fields of `Parameters` that are a few numbers a spec."""
    kind = spec.kind
    hand = [float(kind == "hand")]
    return {
        "centre": [*shape.centre],
        "turn": [math.cos(shape.tilt_rad), math.sin(shape.tilt_rad)],
        "mirrored": [float(shape.mirrored)],
        "limbs": hand,
        "colour": [spec.gloss * value for value in spec.colour],
        "second": [*spec.second],
        "strap": [*spec.strap],
        "skin": hand,
        "crease": [0.17 * spec.wrinkle * LIMPNESS[kind]],
        "place": [*_crease_place(spec)],
        "valve_side": [1.0 if spec.seed % 2 else -1.0],
        "weave": [_WEAVE.get(kind, 0.0)],
        "seam": [0.0 if kind in ("shield", "hand", "patch") else 0.12],
        "shadow": [_SHADOW.get(kind, _USUAL_SHADOW)],
        "rim": [0.35 if kind == "shield" else 0.0],
        "behind": [_BEHIND.get(kind, 0.0)],
        "lit": [float(kind != "patch")],
        "part": [float(_part(spec))],
    }


def _part(spec: MaskSpec) -> int:
    if spec.kind in OCCLUDERS:
        return PARTS.index("occluder")
    return PARTS.index("visor" if spec.kind == "shield" else "fabric")


def _crease_place(spec: MaskSpec) -> tuple[float, float]:
    """Shift of the crease tile."""
    return spec.seed % 9973 / 9973, spec.seed % 8191 / 8191


def tile_of(spec: MaskSpec, px_per_unit: float) -> Float32 | None:
    """The print's tile: see `render_arrays.Arrays.tiles`; three channels are linear
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
    angle = 0.0 if spec.print_name == "image" else spec.print_rad
    return float(np.cos(angle) * scale), float(np.sin(angle) * scale)
