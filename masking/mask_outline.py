"""The outline of each kind of mask, as it is worn, on the canonical face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from masking.mask_spec import MaskSpec

ANGLES = 96

# Right half of each outline (person's left), from the middle of the upper edge
# to the middle of the lower one: (x - 0.5, y) in shares of the face square.
# The jaw of the canonical face passes (0.59, .56) (0.51, .87) (0.31, 1.11)
# (0, 1.22); a mask has to go around it.
_HALF_OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "surgical": (
        (0.0, 0.34), (0.12, 0.38), (0.28, 0.45), (0.47, 0.50), (0.59, 0.535),
        (0.61, 0.68), (0.575, 0.85), (0.48, 1.02), (0.34, 1.16), (0.17, 1.25),
        (0.0, 1.275),
    ),
    "cloth": (
        (0.0, 0.32), (0.08, 0.37), (0.22, 0.47), (0.42, 0.54), (0.60, 0.60),
        (0.615, 0.72), (0.565, 0.87), (0.46, 1.04), (0.31, 1.18), (0.14, 1.27),
        (0.0, 1.30),
    ),
    "ffp2": (
        (0.0, 0.29), (0.10, 0.34), (0.24, 0.46), (0.40, 0.57), (0.53, 0.70),
        (0.56, 0.83), (0.52, 0.97), (0.42, 1.11), (0.29, 1.21), (0.14, 1.275),
        (0.0, 1.295),
    ),
    "kn95": (
        (0.0, 0.31), (0.12, 0.40), (0.28, 0.50), (0.47, 0.58), (0.60, 0.64),
        (0.60, 0.76), (0.53, 0.92), (0.43, 1.06), (0.30, 1.18), (0.15, 1.265),
        (0.0, 1.295),
    ),
    "duckbill": (
        (0.0, 0.30), (0.14, 0.36), (0.30, 0.46), (0.45, 0.56), (0.56, 0.68),
        (0.57, 0.80), (0.52, 0.96), (0.42, 1.10), (0.28, 1.21), (0.13, 1.265),
        (0.0, 1.275),
    ),
    "gaiter": (
        (0.0, 0.38), (0.16, 0.41), (0.34, 0.45), (0.52, 0.47), (0.62, 0.48),
        (0.63, 0.72), (0.58, 0.98), (0.50, 1.17), (0.42, 1.34), (0.24, 1.45),
        (0.0, 1.48),
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed curve around `centre`, star-shaped about it.

    Attributes:
        centre: (x, y) canonical.
        radius: (ANGLES + 1,) float32 distance from the centre at angles evenly
            from -pi to pi; first and last are equal.
        slope: (ANGLES + 1,) float32, cosine between radius and normal there.
    """

    centre: tuple[float, float]
    radius: Float32
    slope: Float32


def outline_knots(spec: MaskSpec) -> NDArray[np.float64]:
    """(11, 2) right half of the spec's outline, canonical, tilt not applied."""
    knots = np.array(_HALF_OUTLINES[spec.kind])
    upper = np.clip((0.95 - knots[:, 1]) / 0.6, 0, 1)
    central = 1 - 0.5 * np.abs(knots[:, 0]) / 0.6
    knots[:, 1] -= spec.rise * upper * central
    knots[:, 0] *= 1 + spec.widen
    knots[:, 1] += spec.hang * np.clip((knots[:, 1] - 0.9) / 0.35, 0, 1)
    if spec.wear == "nose_out":
        _lower_top(knots, 0.675 + 0.3 * spec.rise)
    elif spec.wear == "nose_and_mouth_out":
        _lower_top(knots, 0.985 + 0.2 * spec.rise)
    elif spec.wear == "chin_out":
        low = knots[:, 1] > 0.85
        knots[low, 1] = 0.85 + (knots[low, 1] - 0.85) * (0.165 / 0.43)
        if spec.kind == "gaiter":  # a neck tube pulled up ends above the chin too
            knots[:, 1] = np.minimum(knots[:, 1], 1.02)
    knots[:, 0] += 0.5
    return knots


def _lower_top(knots: NDArray[np.float64], top: float) -> None:
    """Pull the upper edge down so that its middle is at y = `top`."""
    bottom = knots[-1, 1]
    share = (bottom - knots[:, 1]) / (bottom - knots[0, 1])
    middle = bottom - share * (bottom - top)
    # The sides keep hanging from the ears, so they move less than the middle.
    side = np.clip(np.abs(knots[:, 0]) / 0.6, 0, 1)
    knots[:, 1] = middle + (knots[:, 1] - middle) * 0.45 * side


def outline(spec: MaskSpec) -> Outline:
    """The closed outline of a spec's mask, tilt included."""
    half = outline_knots(spec)
    mirrored = half[-2:0:-1].copy()
    mirrored[:, 0] = 1 - mirrored[:, 0]
    closed = _smooth(np.vstack([half, mirrored]))
    centre = np.array([0.5, (half[0, 1] + half[-1, 1]) / 2])
    cosine, sine = np.cos(spec.tilt_rad), np.sin(spec.tilt_rad)
    turned = (closed - centre) @ np.array([[cosine, sine], [-sine, cosine]])
    angle = np.arctan2(turned[:, 1], turned[:, 0])
    order = np.argsort(angle)
    reach = np.hypot(turned[:, 0], turned[:, 1])[order]
    at = np.linspace(-np.pi, np.pi, ANGLES + 1)
    radius = np.interp(at, angle[order], reach, period=2 * np.pi)
    bend = np.gradient(np.concatenate([radius[-3:-1], radius, radius[1:3]]))[2:-2]
    slope = 1 / np.sqrt(1 + (bend / (at[1] - at[0]) / radius) ** 2)
    return Outline(
        (0.5, float(centre[1])), radius.astype(np.float32), slope.astype(np.float32)
    )


def _smooth(closed: NDArray[np.float64], between: int = 8) -> NDArray[np.float64]:
    """Catmull-Rom curve through a closed polygon, `between` points a side."""
    p0, p1 = np.roll(closed, 1, axis=0), closed
    p2, p3 = np.roll(closed, -1, axis=0), np.roll(closed, -2, axis=0)
    t = (np.arange(between) / between)[:, None, None]
    curve = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return np.asarray(curve.transpose(1, 0, 2).reshape(-1, 2))


def signed_distance(shape: Outline, x: Float32, y: Float32) -> Float32:
    """Distance to the outline, in face squares; positive inside.

    Exact on the outline and to first order near it, which is where it is used.
    """
    dx, dy = x - shape.centre[0], y - shape.centre[1]
    place = (cv2.phase(dx, dy) / np.float32(2 * np.pi) + 0.5) % 1.0 * ANGLES
    low = place.astype(np.int32)
    np.minimum(low, ANGLES - 1, out=low)
    part = place - low
    radius = shape.radius[low] * (1 - part) + shape.radius[low + 1] * part
    slope = shape.slope[low] * (1 - part) + shape.slope[low + 1] * part
    return np.asarray((radius - length(dx, dy)) * slope, dtype=np.float32)


def length(x: NDArray[np.floating], y: NDArray[np.floating]) -> Float32:
    """Length of (x, y), elementwise; the same bits on every call.

    The last bit of cv2.magnitude depends on where arrays lie in memory.
    """
    return np.asarray(np.sqrt(x * x + y * y), dtype=np.float32)
