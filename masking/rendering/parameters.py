"""Specs as arrays: what the rendering formulas read, one row a spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from masking.landmarks import Float32
from masking.masks.outline import Float64, Outlines, outlines
from masking.masks.patterns import LEVELS, PERIODS, TILE_PX, print_tile, texture_tile
from masking.masks.spec import KINDS, OCCLUDERS, MaskSpec
from masking.masks.straps import segments
from masking.masks.surface import LIMPNESS, SURFACES, surface_name

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
        segments: (N, S, 8) see `straps.segments`.
        sides: of each of the S segments: on which of the face some spec has it.
        limbs: (N,) 1 where segments are fingers and not straps.
        colour, second, strap: (N, 3) linear-light reflectance, gloss included.
        skin: (N,) 1 where the colour is that of the face's own skin.
        crease: (N,) strength of creases; place: (N, 2) their shift.
        folds: (N,) strength of pleats, seams and dents; 1 = as in the surface.
        valve_side: (N,) 1 or -1; scale: (N,) 1 over the size of a hand, else 1.
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
    valve_side: Any
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
        surfaces=[SURFACES.index(surface_name(s)) for s in specs],
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
    drawn = np.array(
        [(*s.colour, *s.second, *s.strap, s.wrinkle, s.gloss, s.widen) for s in specs]
    )
    own = np.array([_OF_KIND[spec.kind] for spec in specs])
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
        "valve_side": np.where(seeds % 2, 1.0, -1.0),
        "scale": 1 / np.where(own[:, 2:3] > 0, 1 + drawn[:, 11:], 1.0),
        "of_kind": own[:, 2:],
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


_OF_KIND_NAMES = (
    *("limbs", "skin", "weave", "seam", "shadow", "rim", "behind", "lit", "part"),
)


def _of_kind(kind: str) -> tuple[float, ...]:
    """Limpness, stiffness, and the fields of `Parameters` that a kind alone decides."""
    hand = float(kind == "hand")
    part = "visor" if kind == "shield" else "fabric"
    return (
        LIMPNESS[kind],
        float(kind in RIGID or kind in OCCLUDERS),
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


_OF_KIND = {kind: _of_kind(kind) for kind in KINDS + OCCLUDERS}


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
