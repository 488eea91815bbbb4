"""The steps that paint one thing on each of N pictures, for numpy and torch.

Pictures are (N, h, w, 3), maps (N, h, w); N is 1 for numpy. Colours are linear
light until the last step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from masking.mask_frames import Frame, Looks, frame_of, strap_depth, wide
from masking.mask_parameters import PARTS, Parameters
from masking.mask_shading import lit_fabric, lit_straps
from masking.mask_tiles import TILE_PX, grain_tile

# Width of the contact shadow, face squares: there it takes 1% of the light.
SHADOW_REACH = 0.075
_SHADOW_FALL = 0.022
# Less of a layer in a pixel is not seen.
_LEAST_MATTE = 1e-3


@dataclass(frozen=True, eq=False)
class Painted:
    """Pictures with a layer on them.

    Attributes:
        srgb: (N, h, w, 3) float32 in 0..255, not rounded.
        matte: (N, h, w) the layer's share of each pixel.
        changed: (N, h, w) bool: layer or its shadow.
        parts: (N, h, w) index in PARTS.
    """

    srgb: Any
    matte: Any
    changed: Any
    parts: Any


def paint(
    arrays: Any,
    mask: Parameters,
    look: Looks,
    pictures: Any,
    at: tuple[Any, Any],
    px_per_unit: Any,
    corner: tuple[int, int],
) -> Painted:
    """Paint one spec on each of N pictures.

    Args:
        pictures: (N, h, w, 3) uint8 sRGB.
        at: canonical x and y of the pixels.
        px_per_unit: (N,) side of the face square, px.
        corner: column and row of the pictures' first pixel in the photograph.
    """
    xp = arrays.xp
    frame = frame_of(arrays, mask, *at)
    straps = strap_depth(arrays, mask, *at, look)
    limbs = wide(mask.limbs)
    depth = xp.where(limbs > 0, xp.maximum(frame.depth, straps), frame.depth)
    looks = arrays.surfaces(mask.surfaces, frame.u * wide(mask.valve_side), frame.v)
    cover = looks[..., 3]
    body = _coverage(arrays, depth, px_per_unit) * xp.clip(cover, 0, 1)
    strap = xp.clip(straps * wide(px_per_unit) + 0.5, 0, 1) * (1 - body) * (1 - limbs)
    lit = lit_fabric(arrays, mask, look, frame, depth, looks, px_per_unit)
    # Premultiplied: blurring colour and coverage together leaves no halo.
    layer = lit * body[..., None]
    if mask.segments.shape[1]:
        layer = layer + lit_straps(xp, mask, look, at[0]) * strap[..., None]
    both = xp.concat([layer, (body + strap)[..., None]], axis=-1)
    both = arrays.blurred(both, look.blur * px_per_unit)
    matte = xp.clip(both[..., 3], 0, 1)
    matte = matte * (matte >= _LEAST_MATTE)
    shade = _contact_shadow(xp, mask, xp.maximum(depth, straps), frame.v)
    mixed = arrays.linear(pictures) * ((1 - matte) * shade)[..., None] + both[..., :3]
    grain = _grain(arrays, mask, matte.shape, corner) * matte * wide(look.grain)
    srgb = arrays.srgb(mixed) + grain[..., None]
    parts = _parts(xp, mask, frame, depth, cover, matte)
    return Painted(srgb, matte, (matte > 0) | (shade < 1), parts)


def _parts(
    xp: Any, mask: Parameters, frame: Frame, depth: Any, cover: Any, matte: Any
) -> Any:
    body = wide(mask.part)
    visor = body == PARTS.index("visor")
    shown = xp.where(cover > 1.35, body * 0 + PARTS.index("valve"), body)
    shown = xp.where(depth >= 0, shown, body * 0 + PARTS.index("strap"))
    # Through a visor the face is seen: it counts where it is.
    return xp.where((matte >= 0.5) | (visor & (depth >= 0)), shown, shown * 0)


def _coverage(arrays: Any, depth: Any, px_per_unit: Any) -> Any:
    """Share of each pixel inside a shape: its distance in px, one px wide."""
    xp = arrays.xp
    across = depth[:, 1:, 1:] - depth[:, 1:, :-1]
    down = depth[:, 1:, 1:] - depth[:, :-1, 1:]
    px = xp.sqrt(across * across + down * down)
    px = xp.concat([px[:, :1], px], axis=1)
    px = xp.concat([px[:, :, :1], px], axis=2)
    px = xp.maximum(px, wide(0.25 / px_per_unit))
    return xp.clip(depth / px + 0.5, 0, 1)


def _contact_shadow(xp: Any, mask: Parameters, depth: Any, v: Any) -> Any:
    """Share of light left around the mask, (N, h, w); 1 away from it."""
    fall = xp.exp(xp.clip(depth, -1, 0) * (1 / _SHADOW_FALL)) * wide(mask.shadow)
    # Light mostly comes from above: the shadow falls below.
    fall = fall * xp.clip(0.85 + 1.2 * v, 0.35, 1.4)
    return 1 - xp.where(depth <= -SHADOW_REACH, fall * 0, fall)


def _grain(arrays: Any, mask: Parameters, shape: Any, corner: tuple[int, int]) -> Any:
    """Noise of the sensor, (N, h, w): the same for a photograph and its window."""
    rows = (np.arange(shape[1]) + corner[1])[:, None]
    columns = (np.arange(shape[2]) + corner[0])[None]
    tile = grain_tile()
    noise = [
        tile[(rows + spec.seed // 977) % TILE_PX, (columns + spec.seed) % TILE_PX]
        for spec in mask.specs
    ]
    return arrays.array(np.stack(noise))
