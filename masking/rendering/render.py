"""Renders what a face wears onto a picture of any size, with OpenCV and numpy.

What lay in front of the face lies in front of the mask: dark hair. It is told from the
photograph alone: it is darker than this skin in this light, hangs from hair beside the
face, and ends sharply, as shadows do not. Where there is doubt there is none: a mask
with holes is worse than one that covers a strand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.errors import NoFace
from masking.landmarks import Float32, Image, Landmarks
from masking.masks.colours import LINEAR
from masking.masks.spec import MASKS, MaskSpec
from masking.rendering.compositing import Layer, Maps, render_layer
from masking.rendering.layout import Layout, Looks, laid_out
from masking.rendering.numpy_backend import NumpyArrays
from masking.rendering.parameters import PARTS, RIGID, Parameters, parameters
from masking.rendering.photo_light import (
    LUMA,
    PhotoLook,
    head_basis,
    light_on_skin,
    look_of,
    sample_places,
)
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


# The canonical face is looked at in cells of this many face squares.
_CELL = 1 / 48
_LEFT, _TOP, _COLUMNS, _ROWS = -0.45, -0.40, 92, 88
# Luma over that of lit skin: all hair is below, and from there to skin it blends.
_DARK, _PALE = 0.32, 0.50
# Of hair as a whole; hair that is nearly as pale as the skin is not told from it.
_HAIR = 0.22
_LEAST_HAIR = 0.35
# How much paler the skin is within two cells of a strand.
_STEP = 0.33
_LARGEST = 0.45
_BEARD = 0.22
# Steps of 8 bits that hair is of one colour.
_ALIKE = 50
_JAW = [*range(17), 26, 24, 19, 17]
# Cells that a strand is further in than the jaw is off, and how many are enough.
_REACH, _LEAST_INSIDE = 7, 12


def hair_in_front(
    pixels: Image, points: Float32, look: PhotoLook, pose: Any
) -> Float32 | None:
    """(H, W) float32 in [0, 1], how much of each pixel hair before the cheeks covers.

    Args:
        pixels: (H, W, 3) uint8 RGB photograph or chip.
        points: (68, 2) landmarks of the unmasked face, px.
        pose: the `warp.HeadPose` of this one face, numpy.

    Returns:
        None where there is no such hair, as on most faces.
    """
    skin = float(look.skin @ LUMA) * light_on_skin(look, _BASIS)
    cells = _cells(pixels, pose)
    strands = _strands(cells, LINEAR[cells] @ LUMA / skin, _inside(points, pose))
    if not strands.any():
        return None
    # Wide and soft: where exactly a strand ends, the pixels themselves tell.
    wide = cv2.dilate(strands.astype(np.float32), np.ones((5, 5), np.uint8))
    wide = cv2.GaussianBlur(wide, (0, 0), 1.0)
    return _in_pixels(pixels, pose, np.asarray(wide, np.float32), skin)


def _to_picture(pose: Any) -> NDArray[np.float64]:
    """(2, 3) map from columns and rows of cells to px of the picture."""
    across, down = pose.across[0] * _CELL, pose.down[0] * _CELL
    origin = pose.origin[0] + pose.across[0] * _LEFT + pose.down[0] * _TOP
    return np.stack([across, down, origin], axis=1).astype(np.float64)


def _cells(pixels: Image, pose: Any) -> Image:
    """(_ROWS, _COLUMNS, 3) the face, upright; what is outside repeats the border."""
    matrix = _to_picture(pose)
    # Several pixels a cell are averaged, not skipped.
    fold = max(1, int(float(pose.px_per_unit[0]) * _CELL))
    matrix[:, 2] -= matrix[:, :2].sum(axis=1) * (fold - 1) / (2 * fold)
    matrix[:, :2] /= fold
    size = (_COLUMNS * fold, _ROWS * fold)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(
        pixels, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    if fold > 1:
        large = cv2.resize(large, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(large, dtype=np.uint8)


def _places() -> tuple[Float32, Float32]:
    """Canonical x and y of the cells."""
    x = np.arange(_COLUMNS, dtype=np.float32) * _CELL + _LEFT
    y = np.arange(_ROWS, dtype=np.float32) * _CELL + _TOP
    across, down = np.meshgrid(x, y)
    return across, down


_X, _Y = _places()
_BASIS = head_basis(_X.ravel(), _Y.ravel()).reshape(_ROWS, _COLUMNS, 5)
_ASIDE = np.abs(_X - 0.5)
_OVAL = (_ASIDE / 0.60) ** 2 + ((_Y - 0.42) / 0.80) ** 2
_ABOVE = (_OVAL > 1.05) & (_Y < 0.30)
_CROWN = (_OVAL > 1.05) & (_ASIDE < 0.42) & (_Y < -0.15)
# Cheeks beside nose and mouth; strands come from outside and hardly further in.
_CHEEKS = (_OVAL < 1) & (_ASIDE > 0.20) & (_Y > 0.28) & (_Y < 1.15)
_MAY_HANG = (_OVAL >= 1) | _CHEEKS | ((_Y < 0.28) & (_ASIDE > 0.36))
# Below are clothes.
_BESIDE = _MAY_HANG & (_Y < 1.0)
_BELOW = _BESIDE | (_MAY_HANG & (_OVAL > 0.9) & (_ASIDE > 0.36) & (_Y < 1.2))
_BEARDED = (_ASIDE < 0.20) & (((_Y - 0.68) / 0.05) ** 2 < 1)
_BEARDED |= (_ASIDE < 0.22) & (_Y > 0.98) & (_Y < 1.12)


def _inside(points: Float32, pose: Any) -> NDArray[np.bool_]:
    """Cells that lie well inside of the jaw: what is dark there is not behind it."""
    matrix = _to_picture(pose)
    jaw = (points[_JAW] - matrix[:, 2]) @ np.linalg.pinv(matrix[:, :2]).T
    face = np.zeros((_ROWS, _COLUMNS), np.uint8)
    cv2.fillPoly(face, [np.rint(jaw).astype(np.int32)], 1)
    return cv2.erode(face, np.ones((_REACH, _REACH), np.uint8)) > 0


def _strands(
    cells: Image, brightness: Float32, inside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Cells beside and on the cheeks that show hair.

    Args:
        brightness: luma over that of lit skin.
        inside: see `_inside`.
    """
    nothing = np.zeros(brightness.shape, dtype=bool)
    dark = brightness < _DARK
    if (brightness[_BEARDED] < 0.5).mean() > _BEARD:
        return nothing
    crown = dark & _CROWN
    if crown.sum() < _LEAST_HAIR * _CROWN.sum():
        return nothing
    if float(np.median(brightness[crown])) > _HAIR:
        return nothing
    tone = np.median(cells[crown], axis=0)
    alike = np.abs(cells - tone).max(axis=-1) < _ALIKE
    count, labels = _connected(dark & alike & _BESIDE)
    rooted = np.bincount(labels[dark & _ABOVE], minlength=count) > 0
    reached = inside & _CHEEKS & (_Y > 0.4)
    reaching = np.bincount(labels[reached], minlength=count) >= _LEAST_INSIDE
    chosen = rooted & reaching
    chosen[0] = False
    found = chosen[labels] & (_CHEEKS | (_OVAL >= 1))
    for side in (_X < 0.5, _X >= 0.5):
        own = found & side & inside
        large = own.sum() > _LARGEST * (_CHEEKS & inside & side).sum()
        if large or not _sharp(brightness, own):
            found &= ~side
    if not found.any():
        return np.asarray(found)
    # Strands go on down to where the mask ends.
    count, labels = _connected(dark & alike & _BELOW & ~(inside & (_Y > 1.0)))
    chosen = np.bincount(labels[found], minlength=count) > 0
    chosen[0] = False
    kept = [side for side in (_X < 0.5, _X >= 0.5) if (found & side).any()]
    return np.asarray(chosen[labels] & np.any(kept, axis=0))


def _connected(cells: NDArray[np.bool_]) -> tuple[int, NDArray[np.int32]]:
    """How many groups of neighbours there are, and each cell's; 0 is of no group."""
    count, labels = cv2.connectedComponents(cells.astype(np.uint8), connectivity=4)
    return count, np.asarray(labels, dtype=np.int32)


def _sharp(brightness: Float32, strands: NDArray[np.bool_]) -> bool:
    """Whether strands end as hair does; the edge of a shadow is soft."""
    three = np.ones((3, 3), np.uint8)
    near = cv2.dilate(brightness, np.ones((5, 5), np.uint8))
    inner = cv2.erode(strands.astype(np.uint8), three) == 0
    rim = strands & inner & (_ASIDE < 0.5)
    if not rim.any():
        return False
    return float(np.median((near - brightness)[rim])) > _STEP


def _in_pixels(pixels: Image, pose: Any, strands: Float32, skin: Float32) -> Float32:
    """The strands' cells as fractions of the picture's pixels.

    Args:
        skin: luma that bare skin would have in the cells.
    """
    height, width = pixels.shape[:2]
    matrix = _to_picture(pose)
    front = cv2.warpAffine(strands, matrix, (width, height), flags=cv2.INTER_LINEAR)
    rows, columns = np.flatnonzero(front.any(1)), np.flatnonzero(front.any(0))
    if len(rows) == 0:
        return np.asarray(front, dtype=np.float32)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    # Its luma hardly changes from pixel to pixel: that of the cells will do.
    places = matrix.copy()
    places[:, 2] -= columns[0], rows[0]
    size = (columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0])
    near = cv2.warpAffine(
        skin, places, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    brightness = LINEAR[pixels[box]] @ LUMA / np.maximum(near, 1e-3)
    front[box] *= np.clip((_PALE - brightness) / (_PALE - _DARK), 0, 1)
    return np.asarray(front, dtype=np.float32)
