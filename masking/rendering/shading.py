"""The colour of fabric under a photograph's light.

One definition for numpy and torch (see `numpy_backend`). Colours are linear light.
"""

from __future__ import annotations

from typing import Any

from masking.masks.patterns import crease_tile, weave_tile
from masking.rendering.layout import Looks, wide
from masking.rendering.parameters import Parameters, print_turn, tile_of

_HEM = 0.02
_SHEEN, _MOTTLE = 0.008, 0.018
_VALVE_GREY = 0.62
_SHOULDER = 0.85
_PALER, _TINT = 0.8, 0.4
# Most light comes from above: folds are seen where no other is to be told.
_OVERHEAD = 0.08
# How far prints are moved where fabric is steep, face squares.
_FOLDED = 0.03
# Threads of the weave along a face square, and the px that one thread needs.
_WEAVES = 2.6
_THREAD_PX = 2.5


def lit_fabric(
    arrays: Any,
    mask: Parameters,
    look: Looks,
    at: tuple[Any, Any, Any],
    px_per_unit: Any,
) -> tuple[Any, Any]:
    """Linear colour of the fabric under the photograph's light, and its cover.

    Args:
        at: u, v and depth of the pixels, see `mask_layout.Layout`.

    Returns:
        (N, 3, h, w), and (N, h, w) as in `mask_surface.Surface`.
    """
    xp = arrays.xp
    u, v, depth = at
    crease_u, crease_v, mottle = _creases(arrays, mask, u, v)
    # Creases pull seams, pleats and prints along.
    bent = u + 0.03 * crease_u, v + 0.03 * crease_v
    own = bent[0] * wide(mask.side * mask.scale), bent[1] * wide(mask.scale)
    looks = arrays.surfaces(mask.surfaces, *own)
    folds = wide(mask.folds)
    # Fabric ends in a hem that lies on the skin; fingers are round.
    hem = xp.exp(xp.clip(depth, 0, 0.2) * (-1 / _HEM)) / xp.sqrt(u * u + v * v + 1e-3)
    hem = 0.7 * hem * (1 - wide(mask.limbs))
    fold_u = looks[:, 0] * (folds * wide(mask.side))
    fold_v = looks[:, 1] * folds
    slope_u, slope_v = fold_u + crease_u - hem * u, fold_v + crease_v - hem * v
    nz = 1 / xp.sqrt(1 + slope_u * slope_u + slope_v * slope_v)
    nx, ny = -slope_u * nz, -slope_v * nz
    weights = [wide(look.shading[:, number]) for number in range(5)]
    shading = weights[0] + nx * (weights[1] + weights[3] * ny + weights[4] * nx)
    shading = shading + ny * (weights[2] - _OVERHEAD - weights[4] * ny)
    # Light from all sides still reaches a steep fold less than a flat cheek.
    shading = xp.clip(shading, 0.45, 1.8) * (0.4 + 0.6 * nz)
    shading = shading * (1 - folds * (1 - looks[:, 2]))
    shading = shading * _seam(xp, mask, depth) * mottle
    shading = shading * _weave(arrays, mask, u, v, px_per_unit)
    shading = 1 + (shading - 1) * wide(mask.lit)
    # Of a print a fold shows less, and on its other side something else.
    shown = bent[0] + _FOLDED * fold_u, bent[1] + _FOLDED * fold_v
    colour = _reflectance(arrays, mask, look, shown, looks[:, 3], px_per_unit)
    light = look.light[:, :, None, None]
    # Where much light falls fabric is paler, and of another tint than in the shade.
    paler = _paler(xp, mask, look)[:, :, None, None]
    lit = shading[:, None] * (colour * light + paler)
    lit -= paler
    return rolled_off(xp, lit), looks[:, 3]


def _paler(xp: Any, mask: Parameters, look: Looks) -> Any:
    """(N, 3) linear colour that a doubled light adds to twice the fabric's own."""
    base = _tinted(mask.colour, look)
    grey = (base[:, :1] + base[:, 1:2] + base[:, 2:]) / 3
    # Lamps and sky differ: some masks are yellower in the light, most bluer.
    warm = (mask.place[:, :1] - 0.6) * (_TINT * look.saturation[:, None])
    tint = xp.concat([warm, 0 * warm, -warm], axis=1)
    # Every fabric shines, black ones visibly.
    own = _PALER * (grey - base) + base * tint + _SHEEN
    return own * (look.light * mask.lit[:, None])


def _seam(xp: Any, mask: Parameters, depth: Any) -> Any:
    """A stitched seam along the edge is a little darker than the fabric."""
    near = xp.clip(1 - xp.abs(depth - 0.028) / 0.009, 0, 1)
    # Fingers are darker where they turn away.
    rim = xp.clip(1 - depth / 0.05, 0, 1)
    return 1 - wide(mask.seam) * near - 0.35 * wide(mask.limbs) * rim


def _creases(arrays: Any, mask: Parameters, u: Any, v: Any) -> tuple[Any, Any, Any]:
    """Slopes of the folds along u and v, and the light that uneven fabric leaves."""
    x, y = u + wide(mask.place[:, 0]), v + wide(mask.place[:, 1])
    found = arrays.tiles([crease_tile()] * len(mask.specs), x, y)
    strength = wide(mask.crease)
    mottle = 1 + _MOTTLE * found[:, 2]
    return found[:, 0] * strength, found[:, 1] * strength, mottle


def _weave(arrays: Any, mask: Parameters, u: Any, v: Any, px_per_unit: Any) -> Any:
    """Threads, where the photograph is large enough to show them."""
    xp = arrays.xp
    thread_px = px_per_unit / (_WEAVES * 32)
    shown = mask.weave * xp.clip(thread_px / _THREAD_PX - 0.6, 0, 1)
    if float(xp.max(shown)) == 0:
        return 1.0
    tiles = [weave_tile()] * len(mask.specs)
    threads = arrays.tiles(tiles, u * _WEAVES, v * _WEAVES)[:, 0]
    return 1 + 0.05 * threads * wide(shown)


def _reflectance(
    arrays: Any,
    mask: Parameters,
    look: Looks,
    at: tuple[Any, Any],
    cover: Any,
    px_per_unit: Any,
) -> Any:
    """Colour of the fabric, print and valve included, (N, 3, h, w) or broadcast."""
    xp = arrays.xp
    base = _tinted(mask.colour, look)
    # The back of a hand is paler than a face.
    own = look.skin / look.light * 1.2
    base = base + (own - base) * mask.skin[:, None]
    colour = base[:, :, None, None]
    sizes = [float(value) for value in px_per_unit]
    tiles = [tile_of(*pair) for pair in zip(mask.specs, sizes, strict=True)]
    if any(tile is not None for tile in tiles):
        colour = colour + 0 * cover[:, None]
    for row, tile in enumerate(tiles):
        if tile is None:
            continue
        one = slice(row, row + 1)
        cosine, sine = print_turn(mask.specs[row])
        u, v = at[0][one], at[1][one]
        found = arrays.tiles([tile], cosine * u + sine * v, cosine * v - sine * u)
        if tile.ndim == 2:
            second = _tinted(mask.second[one], look, one)[:, :, None, None]
            colour[one] = colour[one] + (second - colour[one]) * found
        else:
            colour[one] = _tinted(found, look, one)
    if not any(spec.valve for spec in mask.specs):
        return colour
    valve = xp.clip(cover - 1, 0, 1)[:, None]
    return colour + (_VALVE_GREY - colour) * valve


def _tinted(colour: Any, look: Looks, rows: slice = slice(None)) -> Any:
    """(N, 3, ...) colours as the photograph's film shows them: grey on a grey one."""
    saturation = look.saturation[rows]
    for _ in range(colour.ndim - 1):
        saturation = saturation[:, None]
    grey = (colour[:, :1] + colour[:, 1:2] + colour[:, 2:]) / 3
    return grey + (colour - grey) * saturation


def lit_straps(xp: Any, mask: Parameters, look: Looks, x: Any) -> Any:
    """(N, 3, h, w) linear colour of straps under the photograph's light."""
    lit = rolled_off(xp, _tinted(mask.strap, look) * look.light * 0.95)
    # Towards the ear straps turn away from the light.
    aside = 1 - 0.45 * xp.clip((xp.abs(x - 0.5) - 0.54) / 0.14, 0, 1)
    return lit[:, :, None, None] * aside[:, None]


def rolled_off(xp: Any, linear: Any) -> Any:
    """Linear light of rendered fabric, compressed softly above _SHOULDER to below 1.

    A film-like shoulder: folds stay visible on white fabric. The photograph has
    been through its camera's own and must not get another.
    """
    if float(xp.max(linear)) <= _SHOULDER:
        return linear
    over = xp.clip(linear - _SHOULDER, 0, 9)
    return linear - over + over / (1 + over * 1.5)
