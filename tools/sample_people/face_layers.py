"""Splits an upright photograph into background, skin, hair and clothes.

A picture that averages whole photographs shows ghosts: one man's hair over the
other's background. Averaging each layer and its outline apart does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32, Image
from tools.detector_training.training_faces import SIDE_PX

BACKGROUND, SKIN, HAIR, CLOTHES = range(4)
LAYERS = 4
# Outlines of hair and clothes need no more than every third pixel.
MAP_PX = 84
# Distances to an outline are kept up to here; far away they mean nothing.
REACH_PX = 10.0
_BINS = 12


@dataclass(frozen=True, eq=False)
class FaceLayers:
    """One photograph in layers, in the frame of the mean shape.

    Attributes:
        skin: (250, 250, 3) uint8, skin continued below hair and clothes.
        hair, clothes: (84, 84, 3) uint8, continued likewise.
        outlines: (4, 84, 84) float32, px inside (+) or outside (-) each layer.
    """

    skin: Image
    hair: Image
    clothes: Image
    outlines: Float32


def first_atlas(mean: Float32) -> Float32:
    """(4, 84, 84) float32 guess of where each layer lies around a mean shape.

    Args:
        mean: (68, 2) px in the 250 x 250 frame.
    """
    scale = MAP_PX / SIDE_PX
    jaw = mean[:17] * scale
    middle, width = jaw[:, 0].mean(), np.ptp(jaw[:, 0])
    brow, chin = mean[17:27, 1].mean() * scale, jaw[8, 1]
    y, x = np.mgrid[:MAP_PX, :MAP_PX].astype(np.float32)
    face_height = chin - brow
    face = _ellipse(x, y, middle, brow + 0.32 * face_height, width, face_height * 1.5)
    crown = brow + 0.1 * face_height
    head = _ellipse(x, y, middle, crown, width * 1.3, face_height * 1.7)
    neck = (np.abs(x - middle) < 0.36 * width) & (y > brow) & (y < chin * 1.18)
    slope = (y - chin * 1.04) * 1.6
    shoulders = (np.abs(x - middle) < 0.4 * width + slope) & (y > chin * 1.04)
    masks = np.zeros((LAYERS, MAP_PX, MAP_PX), np.float32)
    masks[BACKGROUND] = 1
    for layer, mask in ((CLOTHES, shoulders), (HAIR, head), (SKIN, face | neck)):
        masks[:, mask] = 0
        masks[layer][mask] = 1
    return smooth_atlas(masks)


def smooth_atlas(masks: Float32) -> Float32:
    """Layer fractions of (4, 84, 84) blurred, so that no place is ruled out."""
    blurred = np.stack([cv2.GaussianBlur(mask, (0, 0), 3.5) for mask in masks])
    blurred += 0.015
    return np.asarray(blurred / blurred.sum(axis=0), dtype=np.float32)


def bare_skin(mean: Float32) -> NDArray[np.bool_]:
    """(84, 84) cheeks, nose and chin, without eyes, brows, mouth and nostrils."""
    bare = face_core(mean).astype(np.uint8)
    for part in (slice(17, 22), slice(22, 27), slice(36, 42), slice(42, 48)):
        _hide(bare, mean[part])
    _hide(bare, mean[48:60])
    _hide(bare, mean[31:36])
    return bare > 0


def face_core(mean: Float32) -> NDArray[np.bool_]:
    """(84, 84) where eyes, nose and mouth are: skin layer, whatever the colour."""
    hull = np.vstack([mean[2:15], mean[26:16:-1] - [0, 3]]) * (MAP_PX / SIDE_PX)
    core = np.zeros((MAP_PX, MAP_PX), np.uint8)
    cv2.fillPoly(core, [np.round(hull).astype(np.int32)], 1)
    return core > 0


def segment(image: Image, atlas: Float32, mean: Float32) -> Float32:
    """(4, 84, 84) float32 fraction of each layer, by place and colour.

    Args:
        image: (250, 250, 3), warped to the mean shape.
        atlas: (4, 84, 84) fraction of each layer in other photographs.
        mean: (68, 2) px, the mean shape.

    Expectation maximisation: each layer's colours are a histogram, re-counted
    from the fractions; fractions follow from the atlas and the histograms.
    """
    small = cv2.resize(image, (MAP_PX, MAP_PX), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.int64)
    # a and b use the middle third of their range only.
    ab = np.clip((lab[..., 1:] - 128 + 36) * _BINS // 72, 0, _BINS - 1)
    level = lab[..., 0] * _BINS // 256
    code = (level * _BINS + ab[..., 0]) * _BINS + ab[..., 1]
    core, bare = face_core(mean), bare_skin(mean)
    # Eyes, brows and lips have the colours of hair: they do not vote for skin.
    voters = np.ones((LAYERS, MAP_PX, MAP_PX), np.float32)
    voters[SKIN, core & ~bare] = 0
    # At first only the heart of each layer votes: rims hold the neighbour's colour.
    fractions = np.where(atlas > 0.6, atlas, 0.02 * atlas)
    fractions[SKIN, ~bare] *= 0.1
    for _ in range(6):
        evidence = 0.65 * np.log(atlas)
        for layer in range(LAYERS):
            evidence[layer] += 0.8 * _log_likelihood(
                code, fractions[layer] * voters[layer]
            )
        # Neighbours mostly belong together.
        evidence = np.stack([cv2.GaussianBlur(e, (0, 0), 1.0) for e in evidence])
        fractions = np.exp(evidence - evidence.max(axis=0))
        fractions /= fractions.sum(axis=0)
        fractions[:, core] = 0
        fractions[SKIN, core] = 1
    return fractions.astype(np.float32)


def split_layers(image: Image, fractions: Float32) -> FaceLayers:
    """The layers of one (250, 250, 3) photograph, given `segment`'s fractions."""
    owner = fractions.argmax(axis=0)
    outlines = np.stack([_signed_distance(owner == layer) for layer in range(LAYERS)])
    large = cv2.resize(outlines[SKIN], (SIDE_PX, SIDE_PX))
    small = np.asarray(
        cv2.resize(image, (MAP_PX, MAP_PX), interpolation=cv2.INTER_AREA),
        dtype=np.uint8,
    )
    # The rim of a layer is mixed with its neighbour: continue from further in.
    return FaceLayers(
        skin=_continued(image, large > 1.6),
        hair=_continued(small, outlines[HAIR] > 1.2),
        clothes=_continued(small, outlines[CLOTHES] > 0.8),
        outlines=outlines,
    )


def _hide(mask: Image, points: Float32) -> None:
    hull = cv2.convexHull(np.round(points * (MAP_PX / SIDE_PX)).astype(np.int32))
    cv2.fillPoly(mask, [hull], 0)
    cv2.polylines(mask, [hull], True, 0, 2)


def _ellipse(
    x: Float32, y: Float32, middle_x: float, middle_y: float, width: float, tall: float
) -> NDArray[np.bool_]:
    across, down = (x - middle_x) / (width / 2), (y - middle_y) / (tall / 2)
    return across**2 + down**2 < 1


def _log_likelihood(code: NDArray[np.int64], weight: Float32) -> Float32:
    counts = np.bincount(code.ravel(), weight.ravel(), minlength=_BINS**3)
    cube = np.asarray(counts, dtype=np.float64).reshape(_BINS, _BINS, _BINS)
    for axis in range(3):
        padded: NDArray[np.float64] = np.pad(cube, 1, mode="edge").swapaxes(axis, 0)
        inner = [slice(1, -1)] * 3
        inner[0] = slice(None)
        rows = padded[tuple(inner)]
        cube = ((rows[:-2] + 2 * rows[1:-1] + rows[2:]) / 4).swapaxes(0, axis)
    chance = (cube / cube.sum() + 1e-5).ravel()
    return np.asarray(np.log(chance[code]), dtype=np.float32)


def _signed_distance(mask: NDArray[np.bool_]) -> Float32:
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(np.clip(inside - outside, -REACH_PX, REACH_PX), dtype=np.float32)


def _continued(image: Image, known: NDArray[np.bool_]) -> Image:
    """The picture where `known`, continued smoothly elsewhere (push-pull).

    Source: Gortler et al., "The lumigraph", SIGGRAPH 1996.
    """
    weight = known.astype(np.float32)
    levels: list[tuple[Any, Any]] = [
        (image.astype(np.float32) * weight[..., None], weight)
    ]
    while min(levels[-1][1].shape) > 2:
        height, width = levels[-1][1].shape
        size = ((width + 1) // 2, (height + 1) // 2)
        levels.append(
            (
                cv2.resize(levels[-1][0], size, interpolation=cv2.INTER_AREA),
                cv2.resize(levels[-1][1], size, interpolation=cv2.INTER_AREA),
            )
        )
    total, fraction = levels[-1]
    filled = total.sum(axis=(0, 1)) / max(float(fraction.sum()), 1e-3)
    filled = np.broadcast_to(filled, total.shape).astype(np.float32)
    for total, fraction in reversed(levels):
        size = (fraction.shape[1], fraction.shape[0])
        filled = cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR)
        own = np.minimum(fraction * 4, 1)[..., None]
        filled = (
            own * total / np.maximum(fraction, 1e-3)[..., None] + (1 - own) * filled
        )
    return np.asarray(np.clip(filled, 0, 255), dtype=np.uint8)
