"""The steps that render one thing on each of N pictures, for numpy and torch.

Pictures are (N, 3, h, w), maps (N, h, w); N is 1 for numpy. Colours are linear
light until the last step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from masking.masks.patterns import TILE_PX, noise_tile
from masking.rendering.layout import (
    SHADOW_REACH,
    STRAP_SHADOW_REACH,
    Box,
    Layout,
    Looks,
    body_box,
    overlap,
    spread,
    strap_box,
    strap_depth,
    touched,
    wide,
)
from masking.rendering.parameters import PARTS, Parameters
from masking.rendering.shading import lit_fabric, lit_straps

# The fraction of light that a shadow takes falls to 1% at its reach.
_FALL = float(np.log(0.01))
_STRAP_SHADOW = 0.2
# Less of a layer in a pixel is not seen.
_LEAST_MATTE = 1e-3


@dataclass(frozen=True, eq=False)
class Maps:
    """Where things are on N pictures.

    Attributes:
        alpha: (N, H, W) float32 in [0, 1], fraction of what is worn in each pixel.
        parts: (N, H, W) uint8, index in PARTS of what most of each pixel shows.
    """

    alpha: Any
    parts: Any


@dataclass(frozen=True, eq=False)
class Layer:
    """One thing on each of N faces: what it is, in which light, and where.

    Attributes:
        px_per_unit: (N,) side of the face square, px.
    """

    mask: Parameters
    looks: Looks
    layout: Layout
    px_per_unit: Any

    def row(self, number: int) -> Layer:
        """One of the N, as a layer of one."""
        size = self.px_per_unit[number : number + 1]
        looks, layout = self.looks.row(number), self.layout.row(number)
        return Layer(self.mask.row(number), looks, layout, size)


@dataclass(frozen=True, eq=False)
class Composited:
    """Pictures with a layer on them.

    Attributes:
        srgb: (N, 3, h, w) float32 in 0..255, not rounded.
        matte: (N, h, w) the layer's fraction of each pixel.
        changed: (N, h, w) bool: layer or its shadow.
        depth, cover: (N, h, w) of the fabric.
        straps: (N, h, w) bool: more strap than fabric.
    """

    srgb: Any
    matte: Any
    changed: Any
    depth: Any
    cover: Any
    straps: Any


def render_layer(
    arrays: Any, layer: Layer, pictures: Any, maps: Maps | None, front: Any = None
) -> None:
    """Put a layer on each of N pictures, over what is there.

    Args:
        pictures: (N, 3, H, W) uint8 sRGB, written to.
        maps: written to, too; None where nobody asks.
        front: (N, H, W) in [0, 1], how much of each pixel lies before the layer.
    """
    xp, size = arrays.xp, layer.px_per_unit
    blur_px, least_px = float(xp.max(layer.looks.blur)), float(xp.min(size))
    box = touched(arrays, layer.layout, blur_px, least_px)
    if box is None:
        return
    window = pictures[:, :, box[0], box[1]]
    before = None if front is None else front[:, box[0], box[1]]
    rendered = composite(arrays, layer, arrays.packed(window), box, before)
    srgb = xp.astype(xp.clip(rendered.srgb + 0.5, 0, 255), xp.uint8)
    arrays.put(window, srgb, rendered.changed)
    if maps is None:
        return
    alpha, shown = (values[:, box[0], box[1]] for values in (maps.alpha, maps.parts))
    alpha[...] = 1 - (1 - alpha) * (1 - rendered.matte)
    parts = xp.astype(parts_of(xp, layer.mask, rendered), xp.uint8)
    shown[...] = xp.where(parts > 0, parts, shown)


def composite(
    arrays: Any, layer: Layer, pictures: Any, box: Box, front: Any = None
) -> Composited:
    """A layer on the part of N pictures that it may touch.

    Args:
        pictures: (N, 3, h, w) uint8 sRGB, the part of each photograph in `box`.
        front: (N, h, w), see `render_layer`.
    """
    mask, look, layout = layer.mask, layer.looks, layer.layout
    px_per_unit = layer.px_per_unit
    xp = arrays.xp
    v, depth = spread(arrays, (layout.v, layout.depth), layout, box)
    both, cover = _fabric(arrays, mask, look, layout, box, (v, depth), px_per_unit)
    shade = 1 - _fall(xp, depth, SHADOW_REACH) * wide(mask.shadow) * xp.clip(
        # Light mostly comes from above: the shadow falls below.
        0.95 + 1.4 * v,
        0.5,
        1.6,
    )
    fabric = both[:, 3] + 0
    for group, pieces in enumerate(layout.groups):
        _add_straps(
            arrays, mask, look, layout, (group, pieces), box, px_per_unit, both, shade
        )
    straps = both[:, 3] - fabric
    both = arrays.blurred(both, look.blur * px_per_unit)
    if front is not None:
        # As sharp as the photograph: it is no part of what is blurred.
        both = both * (1 - front)[:, None]
        shade = 1 - (1 - shade) * (1 - front)
    matte = xp.clip(both[:, 3], 0, 1)
    matte = matte * (matte >= _LEAST_MATTE)
    left = (1 - matte) * shade
    mixed = arrays.linear(pictures) * left[:, None] + both[:, :3]
    corner = (box[1].start, box[0].start)
    noise = _noise(arrays, mask, look, matte.shape, corner)
    srgb = arrays.srgb(mixed) + noise * matte[:, None]
    changed = (matte > 0) | (shade < 1)
    return Composited(srgb, matte, changed, depth, cover, straps > fabric)


def _fabric(
    arrays: Any,
    mask: Parameters,
    look: Looks,
    layout: Layout,
    box: Box,
    at: tuple[Any, Any],
    px_per_unit: Any,
) -> tuple[Any, Any]:
    """Colour and fraction of the fabric in each pixel, and its cover.

    Args:
        at: v and depth of the pixels.

    Returns:
        (N, 4, h, w), colours premultiplied: blurred together with the fraction they
        leave
        no halo; and (N, h, w).
    """
    xp = arrays.xp
    v, depth = at
    both, cover = xp.stack([xp.zeros_like(v)] * 4, axis=1), xp.zeros_like(v)
    near = body_box(arrays, layout)
    if near is None:
        return both, cover
    # Straps and shadows reach much further than the fabric, whose light costs most.
    rows, columns, inner = overlap(near, box)
    u, edge = spread(arrays, (layout.u, layout.edge), layout, inner)
    v, depth = (maps[:, rows, columns] for maps in at)
    lit, own = lit_fabric(arrays, mask, look, (u, v, depth), px_per_unit)
    if any(spec.kind == "shield" for spec in mask.specs):
        own = own + wide(mask.rim) * xp.clip(2 - depth * 100, 0, 1)
    body = xp.clip(edge + 0.5, 0, 1) * xp.clip(own, 0, 1)
    both[:, :3, rows, columns] = lit * body[:, None]
    both[:, 3, rows, columns] = body
    cover[:, rows, columns] = own
    return both, cover


def _add_straps(
    arrays: Any,
    mask: Parameters,
    look: Looks,
    layout: Layout,
    group: tuple[int, list[int]],
    box: Box,
    px_per_unit: Any,
    both: Any,
    shade: Any,
) -> None:
    """Put the straps of one side under the fabric of `both`, and their shadow."""
    xp = arrays.xp
    number, pieces = group
    near = strap_box(arrays, layout, number, float(xp.min(px_per_unit)))
    if near is None:
        return
    rows, columns, inner = overlap(near, box)
    if rows.stop - rows.start < 1 or columns.stop - columns.start < 1:
        return
    x, y = spread(arrays, (layout.x, layout.y), layout, inner)
    depth = strap_depth(xp, layout.segments, x, y, pieces)
    free = (1 - both[:, 3, rows, columns]) * (1 - wide(mask.limbs))
    strap = xp.clip(depth * wide(px_per_unit) + 0.5, 0, 1) * free
    lit = lit_straps(xp, mask, look, x) * strap[:, None]
    layer = xp.concat([lit, strap[:, None]], axis=1)
    both[:, :, rows, columns] = both[:, :, rows, columns] + layer
    cast = _STRAP_SHADOW * _fall(xp, depth, STRAP_SHADOW_REACH)
    lost = cast * xp.clip(wide(mask.shadow) * 9, 0, 1) * (1 - wide(mask.limbs))
    shade[:, rows, columns] = shade[:, rows, columns] * (1 - lost)


def _fall(xp: Any, depth: Any, reach: float) -> Any:
    """1 at the rim of what casts a shadow and inside, 0 from `reach` on."""
    fall = xp.exp(xp.clip(depth, -reach, 0) * (-_FALL / reach))
    return fall * (depth > -reach)


def parts_of(xp: Any, mask: Parameters, rendered: Composited) -> Any:
    """(N, h, w) index in PARTS of what most of each pixel shows."""
    body = wide(mask.part)
    visor = body == PARTS.index("visor")
    shown = xp.where(rendered.cover > 1.35, body * 0 + PARTS.index("valve"), body)
    shown = xp.where(rendered.straps, body * 0 + PARTS.index("strap"), shown)
    # Through a visor the face is seen: it counts where it is.
    seen = (rendered.matte >= 0.5) | (visor & (rendered.depth >= 0))
    return xp.where(seen, shown, shown * 0)


def _noise(
    arrays: Any, mask: Parameters, look: Looks, shape: Any, corner: tuple[int, int]
) -> Any:
    """Grain and stains, (N, 3, h, w): the same for a photograph and its window."""
    seeds = np.array([[spec.seed] for spec in mask.specs])
    rows = np.arange(shape[1]) + corner[1] + seeds // 977
    columns = np.arange(shape[2]) + corner[0] + seeds
    found = arrays.cut(noise_tile(), rows % TILE_PX, columns % TILE_PX)
    stains = found[:, 1:] * wide(look.saturation)[:, None]
    return stains + found[:, :1] * wide(look.grain)[:, None]
