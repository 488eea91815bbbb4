"""Paints a mask onto one face of a picture of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from masking import mask_fabric as fabric
from masking.errors import NoFace
from masking.landmarks import Float32, Image, Landmarks
from masking.mask_geometry import FaceMap, map_face
from masking.mask_light import (
    PhotoLook,
    look_of,
    normals,
    rolled_off,
    shading_basis,
    to_linear,
    to_srgb,
)
from masking.mask_outline import Outline, length, outline, signed_distance
from masking.mask_spec import MaskSpec
from masking.mask_straps import strap_distance

# What a pixel of `MaskedSample.parts` shows.
PARTS = ("none", "fabric", "strap", "valve", "visor", "occluder")
# Width of the contact shadow, face squares: there it takes 1% of the light.
_SHADOW_REACH = 0.075


@dataclass(frozen=True, eq=False)
class MaskedSample:
    """A picture with a mask painted on it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 in [0, 1], share of what is worn in each pixel.
        parts: (H, W) uint8, index in PARTS of what most of each pixel shows.
        specs: what is worn, in the order of painting.
    """

    pixels: Image
    alpha: Float32
    parts: Image
    specs: tuple[MaskSpec, ...]


def render(
    pixels: Image, landmarks: Landmarks, specs: Sequence[MaskSpec]
) -> MaskedSample:
    """Paint what a face wears, one spec over the other.

    Args:
        pixels: (H, W, 3) uint8 RGB photograph or chip; left as it is.
        landmarks: of the bare face, in px of `pixels`.

    Returns:
        The masked picture; the same input gives the same bytes.

    Raises:
        NoFace: the landmarks lie outside of the picture.
    """
    height_px, width_px = pixels.shape[:2]
    face = map_face(landmarks, height_px, width_px)
    if face is None:
        raise NoFace("the landmarks lie outside of the picture: no mask to paint.")
    rows = slice(face.top, face.top + face.x.shape[0])
    columns = slice(face.left, face.left + face.x.shape[1])
    skin = normals(fabric.head_height(face.x, face.y), face.px_per_unit)
    look = look_of(pixels, landmarks, face, skin)
    result, alpha = pixels.copy(), np.zeros((height_px, width_px), np.float32)
    parts = np.zeros((height_px, width_px), np.uint8)
    for spec in specs:
        painted, matte, part = _paint(result[rows, columns], face, look, spec)
        result[rows, columns] = painted
        alpha[rows, columns] = 1 - (1 - alpha[rows, columns]) * (1 - matte)
        parts[rows, columns] = np.where(part > 0, part, parts[rows, columns])
    return MaskedSample(result, alpha, parts, tuple(specs))


def _paint(
    window: Image, face: FaceMap, look: PhotoLook, spec: MaskSpec
) -> tuple[Image, Float32, Image]:
    """The window with the mask over it, the mask's share of each pixel, its parts."""
    shape = outline(spec)
    sd = signed_distance(shape, face.x, face.y)
    straps = strap_distance(spec, shape, face.x, face.y)
    painted, matte = window.copy(), np.zeros(sd.shape, np.float32)
    parts = np.zeros(sd.shape, np.uint8)
    part = _touched(np.maximum(sd, straps), look.blur_px / face.px_per_unit)
    if part is None:
        return painted, matte, parts
    near = FaceMap(face.left, face.top, face.x[part], face.y[part], face.px_per_unit)
    painted[part], matte[part] = _paint_part(
        window[part], near, look, spec, shape, sd[part], straps[part]
    )
    parts[part] = _parts(spec, shape, near, sd[part], matte[part])
    return painted, matte, parts


def _parts(
    spec: MaskSpec, shape: Outline, face: FaceMap, sd: Float32, matte: Float32
) -> Image:
    parts = np.where(sd >= 0, PARTS.index("fabric"), PARTS.index("strap"))
    valve = fabric.valve_area(spec, shape, face.x, face.y)
    parts = np.where(valve, PARTS.index("valve"), parts)
    return np.where(matte >= 0.5, parts, 0).astype(np.uint8)


def _touched(sd: Float32, blur: float) -> tuple[slice, slice] | None:
    """Smallest part of the window that mask, straps, shadow and blur can reach."""
    reached = sd > -(_SHADOW_REACH + 4 * blur)
    rows, columns = np.flatnonzero(reached.any(axis=1)), np.flatnonzero(reached.any(0))
    if len(rows) == 0 or len(rows) < 3 or len(columns) < 3:
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _paint_part(
    window: Image,
    face: FaceMap,
    look: PhotoLook,
    spec: MaskSpec,
    shape: Outline,
    sd: Float32,
    straps: Float32,
) -> tuple[Image, Float32]:
    body = _coverage(sd, face)
    strap = _coverage(straps, face) * (1 - body)
    colour = _lit_mask(face, look, spec, shape, sd)
    strap_colour = _lit_strap(look, spec)
    # Premultiplied: blurring colour and coverage together leaves no halo.
    layer = colour * body[..., None] + strap_colour * strap[..., None]
    matte = body + strap
    layer, matte = _soften(layer, matte, look.blur_px)
    shade = _contact_shadow(np.maximum(sd, straps))
    mixed = to_linear(window) * ((1 - matte) * shade)[..., None] + layer
    srgb = to_srgb(mixed) + _grain(spec, matte, look.grain)[..., None]
    painted = np.clip(np.rint(srgb), 0, 255).astype(np.uint8)
    untouched = (matte == 0) & (shade == 1)
    painted[untouched] = window[untouched]
    return painted, matte


def _coverage(sd: Float32, face: FaceMap) -> Float32:
    """Share of each pixel inside a shape: its distance in px, one px wide."""
    across = np.gradient(sd, axis=1)
    down = np.gradient(sd, axis=0)
    px = np.maximum(length(across, down), 0.25 / face.px_per_unit)
    return np.asarray(np.clip(sd / px + 0.5, 0, 1), dtype=np.float32)


def _lit_mask(
    face: FaceMap,
    look: PhotoLook,
    spec: MaskSpec,
    shape: Outline,
    sd: Float32,
) -> Float32:
    """(h, w, 3) linear colour of the mask under the photograph's light."""
    height = fabric.mask_height(spec, shape, sd, face.x, face.y)
    nx, ny, nz = normals(height, face.px_per_unit)
    shading = np.clip(shading_basis(nx, ny) @ look.shading, 0.25, 1.8)
    # Light from all sides still reaches a steep fold less than a flat cheek.
    shading *= np.float32(0.62) + np.float32(0.38) * nz
    colour = fabric.reflectance(spec, shape, sd, face.x, face.y)
    lit = _tinted(colour, look) * (shading[..., None] * look.light)
    return rolled_off(np.asarray(lit, dtype=np.float32))


def _lit_strap(look: PhotoLook, spec: MaskSpec) -> Float32:
    colour = np.asarray(spec.strap, dtype=np.float32)
    lit = _tinted(colour, look) * look.light * np.float32(0.8)
    return rolled_off(np.asarray(lit, dtype=np.float32))


def _tinted(colour: Float32, look: PhotoLook) -> Float32:
    """Colours as the photograph's film shows them: grey on a grey photograph."""
    if look.saturation >= 1:
        return colour
    # Summed by hand: numpy is slow at reducing a last axis of three.
    grey = (colour[..., :1] + colour[..., 1:2] + colour[..., 2:]) / np.float32(3)
    return np.asarray(grey + (colour - grey) * np.float32(look.saturation))


def _soften(layer: Float32, matte: Float32, blur_px: float) -> tuple[Float32, Float32]:
    if blur_px < 0.4:
        return layer, matte
    both = np.dstack([layer, matte])
    soft = cv2.GaussianBlur(both, (0, 0), blur_px, borderType=cv2.BORDER_REPLICATE)
    soft = np.asarray(soft, dtype=np.float32)
    seen = soft[..., 3] >= 1e-3
    layer = np.asarray(soft[..., :3] * seen[..., None], dtype=np.float32)
    return layer, np.asarray(np.minimum(soft[..., 3] * seen, 1), dtype=np.float32)


def _contact_shadow(sd: Float32) -> Float32:
    """Share of light left around the mask, (h, w); 1 away from it."""
    depth = np.float32(0.30) * np.exp(np.minimum(sd, 0) / np.float32(0.022))
    depth[sd <= -_SHADOW_REACH] = 0
    return np.asarray(1 - depth, dtype=np.float32)


def _grain(spec: MaskSpec, matte: Float32, grain: float) -> Float32:
    noise = np.random.default_rng(spec.seed + 1).standard_normal(
        matte.shape, dtype=np.float32
    )
    return np.asarray(noise * matte * np.float32(grain), dtype=np.float32)
