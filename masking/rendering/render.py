"""Renders what a face wears onto a picture of any size, with OpenCV and numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from masking.errors import NoFace
from masking.landmarks import Float32, Image, Landmarks
from masking.masks.spec import MASKS, MaskSpec
from masking.rendering.compositing import Layer, Maps, render_layer
from masking.rendering.frames import Looks
from masking.rendering.layout import Layout, laid_out
from masking.rendering.matte import hair_in_front
from masking.rendering.numpy_backend import NumpyArrays
from masking.rendering.parameters import PARTS, RIGID, Parameters, parameters
from masking.rendering.photo_light import PhotoLook, look_of, sample_places
from masking.rendering.warp import (
    HeadPose,
    SkinSpline,
    canonical_places,
    ears_on_skin,
    grid_places,
    head_pose,
    rigid_map,
    skin_spline,
)

__all__ = ["PARTS", "MaskedSample", "photo_look", "render"]

_NUMPY = NumpyArrays()
# How far things reach beyond the landmarks, face squares.
_USUAL_REACH, _FAR_REACH = 0.45, 1.1


@dataclass(frozen=True, eq=False)
class MaskedSample:
    """A picture with things rendered on it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        alpha: (H, W) float32 in [0, 1], fraction of what is worn in each pixel.
        parts: (H, W) uint8, index in PARTS of what most of each pixel shows.
        specs: what is worn, in the order of rendering.
    """

    pixels: Image
    alpha: Float32
    parts: Image
    specs: tuple[MaskSpec, ...]


@dataclass(frozen=True, eq=False)
class _Face:
    """One face: its landmarks (1, 68, 2) px and what follows from them."""

    points: Float32
    pose: HeadPose
    spline: SkinSpline
    looks: Looks

    @property
    def px_per_unit(self) -> float:
        return float(self.pose.px_per_unit[0])


def render(
    pixels: Image,
    landmarks: Landmarks,
    specs: Sequence[MaskSpec],
    look: PhotoLook | None = None,
    behind_hair: bool = False,
) -> MaskedSample:
    """Render what a face wears, one spec over the other.

    Args:
        pixels: (H, W, 3) uint8 RGB photograph or chip; left as it is.
        landmarks: of the unmasked face, in px of `pixels`.
        look: light of the photograph, where it was measured before.
        behind_hair: masks leave free what `hair_in_front` finds.

    Returns:
        The masked picture; the same input gives the same bytes.

    Raises:
        NoFace: the landmarks lie outside of the picture.
    """
    points = landmarks.points[None]
    pose = head_pose(_NUMPY, points)
    look = look or _measured(pixels, landmarks, pose)
    sample = MaskedSample(
        pixels.copy(),
        np.zeros(pixels.shape[:2], np.float32),
        np.zeros(pixels.shape[:2], np.uint8),
        tuple(specs),
    )
    spline = skin_spline(_NUMPY, points)
    face = _Face(points, pose, spline, looks_of(_NUMPY, [look], spline, pose))
    maps = Maps(sample.alpha[None], sample.parts[None])
    front = None
    if behind_hair:
        front = hair_in_front(pixels, landmarks.points, look, pose)
    before = None if front is None else front[None]
    for spec in specs:
        mask = parameters(_NUMPY, [spec])
        layout = _layout(sample.pixels, mask, face)
        layer = Layer(mask, face.looks, layout, pose.px_per_unit)
        picture = sample.pixels.transpose(2, 0, 1)[None]
        hidden = before if spec.kind in MASKS else None
        render_layer(_NUMPY, layer, picture, maps, hidden)
    return sample


def photo_look(pixels: Image, landmarks: Landmarks) -> PhotoLook:
    """Light, sharpness and grain of a photograph, to be kept with its landmarks."""
    return _measured(pixels, landmarks, head_pose(_NUMPY, landmarks.points[None]))


def _measured(pixels: Image, landmarks: Landmarks, pose: HeadPose) -> PhotoLook:
    columns, rows = sample_places(pixels, landmarks, float(pose.px_per_unit[0]))
    x, y = rigid_map(_NUMPY, pose, columns[None], rows[None])
    return look_of(pixels, landmarks, (x[0], y[0]), pose)


def looks_of(
    arrays: Any, looks: Sequence[PhotoLook], spline: SkinSpline, pose: HeadPose
) -> Looks:
    """Several looks as arrays; an ear behind the head is not seen."""

    # One table: a copy each would take longer.
    table = arrays.array([look.numbers for look in looks])
    return Looks(
        table[:, :5],
        table[:, 5:8],
        table[:, 8:11],
        table[:, 11],
        table[:, 12],
        table[:, 13],
        ears_on_skin(arrays, spline, pose),
        pose.ears_seen,
        table[:, 14:],
    )


def _layout(pixels: Image, mask: Parameters, face: _Face) -> Layout:
    """Where a spec lies in the part of a picture that it may touch."""
    height_px, width_px = pixels.shape[:2]
    rigid = mask.specs[0].kind in RIGID
    reach = (_FAR_REACH if rigid else _USUAL_REACH) * face.px_per_unit
    low = np.floor(face.points[0].min(axis=0) - reach)
    high = np.ceil(face.points[0].max(axis=0) + reach)
    left, top = (int(value) for value in np.maximum(low, 0))
    right, bottom = (int(v) for v in np.minimum(high, [width_px - 1, height_px - 1]))
    if right - left < 2 or bottom - top < 2:
        raise NoFace("the landmarks lie outside of the picture: no mask to render.")
    nodes = grid_places(left, right), grid_places(top, bottom)
    at = canonical_places(_NUMPY, face.pose, None if rigid else face.spline, nodes)
    return laid_out(_NUMPY, mask, face.looks, at, face.pose.lean, nodes)
