"""Height, folds, print and colour of each kind of mask, per canonical point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32
from masking.mask_outline import Outline
from masking.mask_spec import MaskSpec

_VALVE_RADIUS = 0.085


def head_height(x: Float32, y: Float32) -> Float32:
    """Height of an average face towards the camera, face squares.

    An ellipsoid with a nose: enough for where the light comes from.
    """
    u, v = (x - 0.5) / 0.78, (y - 0.50) / 1.05
    dome = np.sqrt(np.maximum(1 - u * u - v * v, 0.02)) * 0.75
    nose = 0.16 * _bump(x - 0.5, 0.10) * _bump(y - 0.50, 0.17)
    return np.asarray(dome + nose, dtype=np.float32)


def mask_height(
    spec: MaskSpec, shape: Outline, sd: Float32, x: Float32, y: Float32
) -> Float32:
    """Height of the mask's surface towards the camera, (h, w) float32.

    Args:
        sd: signed distance to the outline, positive inside.
        x, y: canonical coordinates.
    """
    u, v = (x - 0.5) / 0.78, (y - 0.50) / 1.05
    base = np.sqrt(np.maximum(1 - u * u - v * v, 0.02)) * 0.75
    # Fabric ends in a hem that lies on the skin.
    hem = 0.02 * (1 - np.exp(-np.maximum(sd, 0) / 0.02))
    body = _RELIEFS[spec.kind](shape, x, y)
    return np.asarray(
        base + hem + body + _wrinkles(spec, x, y) + _valve_height(spec, shape, x, y),
        dtype=np.float32,
    )


def _bump(distance: Float32, width: float) -> Float32:
    return np.asarray(np.exp(-((distance / width) ** 2)), dtype=np.float32)


def _tent(x: Float32, y: Float32, top: float) -> Float32:
    """Fabric stretched over the nose and falling to the cheeks."""
    spread = np.float32(0.12) + 0.22 * np.clip(y - top, 0, 1)
    return np.asarray(
        0.13 * np.exp(-(((x - 0.5) / spread) ** 2)) * _bump(y - 0.60, 0.35),
        dtype=np.float32,
    )


def _surgical(shape: Outline, x: Float32, y: Float32) -> Float32:
    middle = shape.centre[1]
    # Three pleats: each is a slope that ends in a small step down.
    bent = (y - middle + 0.22 - 0.06 * (x - 0.5) ** 2) / 0.125
    phase = bent - np.floor(bent)
    inside = (bent > 0) & (bent < 3.6)
    steps = np.where(phase < 0.82, phase / 0.82, (1 - phase) / 0.18)
    pleats = 0.014 * steps * inside * (1 - 0.4 * np.abs(x - 0.5) / 0.6)
    wire = 0.008 * _bump(y - (middle - 0.43) - 0.35 * (x - 0.5) ** 2, 0.025)
    return np.asarray(_tent(x, y, 0.35) + pleats + wire, dtype=np.float32)


def _cloth(shape: Outline, x: Float32, y: Float32) -> Float32:
    ridge = 0.16 * np.exp(-np.abs(x - 0.5) / 0.28)
    return np.asarray(ridge * _bump(y - 0.72, 0.55), dtype=np.float32)


def _cup(shape: Outline, x: Float32, y: Float32) -> Float32:
    u, v = (x - 0.5) / 0.55, (y - shape.centre[1]) / 0.55
    dome = 0.26 * np.sqrt(np.maximum(1.05 - u * u - v * v, 0.01))
    return np.asarray(dome + 0.5 * _tent(x, y, 0.3), dtype=np.float32)


def _fold(shape: Outline, x: Float32, y: Float32) -> Float32:
    ridge = 0.26 * (1 - np.sqrt(((x - 0.5) / 0.6) ** 2 + 0.0015))
    return np.asarray(ridge * _bump(y - 0.78, 0.62), dtype=np.float32)


def _duckbill(shape: Outline, x: Float32, y: Float32) -> Float32:
    crease = shape.centre[1] + 0.02 + 0.25 * (x - 0.5) ** 2
    bill = 0.30 * (1 - np.sqrt(((y - crease) / 0.5) ** 2 + 0.0015))
    return np.asarray(bill * _bump(x - 0.5, 0.5), dtype=np.float32)


def _gaiter(shape: Outline, x: Float32, y: Float32) -> Float32:
    slack = np.clip((y - 0.95) / 0.3, 0, 1)
    rolls = 0.018 * np.sin(26 * (y - 0.35 * (x - 0.5) ** 2)) * slack
    return np.asarray(_tent(x, y, 0.38) + rolls, dtype=np.float32)


_RELIEFS = {
    "surgical": _surgical,
    "cloth": _cloth,
    "ffp2": _cup,
    "kn95": _fold,
    "duckbill": _duckbill,
    "gaiter": _gaiter,
}
# Stiff masks crease less.
_LIMPNESS = {
    "surgical": 0.7,
    "cloth": 1.0,
    "ffp2": 0.15,
    "kn95": 0.35,
    "duckbill": 0.35,
    "gaiter": 1.3,
}


def _wrinkles(spec: MaskSpec, x: Float32, y: Float32) -> Float32:
    """A few waves with random direction and length, bent by one another."""
    rng = np.random.default_rng(spec.seed)
    strength = 0.0035 * spec.wrinkle * _LIMPNESS[spec.kind]
    total = np.zeros_like(x)
    bend = np.sin(7 * x + 5 * y + np.float32(rng.uniform(0, 6))).astype(np.float32)
    for _ in range(4):
        angle, pitch = rng.uniform(0.2, np.pi - 0.2), rng.uniform(0.10, 0.35)
        wave_x, wave_y = np.cos(angle) / pitch * 6.28, np.sin(angle) / pitch * 6.28
        shift, weight = rng.uniform(0, 6.28), rng.uniform(0.4, 1.0)
        phase = np.float32(wave_x) * x + np.float32(wave_y) * y
        phase += np.float32(1.2) * bend + np.float32(shift)
        total += np.float32(weight * pitch / 0.2) * np.sin(phase)
    return np.asarray(total * np.float32(strength), dtype=np.float32)


def _valve_distance(spec: MaskSpec, shape: Outline, x: Float32, y: Float32) -> Float32:
    side = 1 if spec.seed % 2 else -1
    dx, dy = x - (0.5 + side * 0.2), y - (shape.centre[1] + 0.10)
    return np.asarray(_VALVE_RADIUS - np.hypot(dx, dy), dtype=np.float32)


def valve_area(
    spec: MaskSpec, shape: Outline, x: Float32, y: Float32
) -> NDArray[np.bool_]:
    """(h, w) bool: on the exhalation valve."""
    if not spec.valve:
        return np.zeros(x.shape, dtype=bool)
    return np.asarray(_valve_distance(spec, shape, x, y) > 0)


def _valve_height(spec: MaskSpec, shape: Outline, x: Float32, y: Float32) -> Float32:
    if not spec.valve:
        return np.zeros_like(x)
    inside = _valve_distance(spec, shape, x, y)
    grille = 0.004 * np.cos(inside / _VALVE_RADIUS * 20) * (inside > 0)
    rim = 0.0175 * (1 + np.tanh(inside / 0.016))
    return np.asarray(rim + grille, dtype=np.float32)


def reflectance(
    spec: MaskSpec, shape: Outline, sd: Float32, x: Float32, y: Float32
) -> Float32:
    """Colour of the fabric, (h, w, 3) float32, linear light, print included."""
    second = print_weight(spec, x, y)
    colour = np.asarray(spec.colour, dtype=np.float32) * np.float32(spec.gloss)
    other = np.asarray(spec.second, dtype=np.float32)
    # A stitched seam along the edge is a little darker than the fabric.
    seam = 1 - 0.12 * _bump(sd - 0.028, 0.007)
    if spec.kind == "ffp2":
        seam *= 1 - 0.10 * _bump(sd - 0.05, 0.012)
    if spec.kind in ("cloth", "kn95"):
        seam *= 1 - 0.10 * _bump(x - 0.5, 0.008)
    fabric = colour + (other - colour) * second[..., None]
    if spec.valve:
        valve = np.clip(_valve_distance(spec, shape, x, y) / 0.006 + 0.5, 0, 1)
        fabric += (np.float32(0.62) - fabric) * (0.7 * valve[..., None])
    return np.asarray(fabric * seam[..., None], dtype=np.float32)


def print_weight(spec: MaskSpec, x: Float32, y: Float32) -> Float32:
    """Share of the second colour, (h, w) float32 in [0, 1]."""
    if spec.print_name == "plain":
        return np.zeros_like(x)
    cosine, sine = np.cos(spec.print_rad), np.sin(spec.print_rad)
    turn = np.float32(2 * np.pi / spec.print_pitch)
    a = (np.float32(cosine) * (x - 0.5) + np.float32(sine) * y) * turn
    b = (np.float32(-sine) * (x - 0.5) + np.float32(cosine) * y) * turn
    if spec.print_name == "stripes":
        wave = np.sin(a)
    elif spec.print_name == "check":
        wave = (np.sin(a) > 0).astype(np.float32) + (np.sin(b) > 0) - 1
    elif spec.print_name == "dots":
        wave = np.cos(a) * np.cos(b) - 0.45
    else:
        wave = np.sin(a * 0.5 + 2 * np.sin(b * 0.31)) + np.sin(
            b * 0.6 + 1.7 * np.sin(a * 0.43)
        )
    sharp = 0.5 if spec.print_name == "check" else 4.0
    return np.asarray(np.clip(wave * sharp + 0.5, 0, 1), dtype=np.float32)
