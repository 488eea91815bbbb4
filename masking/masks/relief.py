"""The relief, seams and cover of each kind of mask and occluder.

Functions of (u, v) in the frame of the thing, face squares, (0, 0) in the middle of
the usual outline. Each gives the height above the head, the fraction of light that
seams
and folds leave (1 = all), and how opaque it is in [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating]
Relief = tuple[Map, Map, Map]
# y of the middle of the usual outline of each kind.
MIDDLE_Y = {
    "surgical": 0.81,
    "cloth": 0.81,
    "ffp2": 0.79,
    "kn95": 0.80,
    "duckbill": 0.79,
    "gaiter": 0.965,
    "shield": 0.57,
    "sunglasses": 0.24,
    "hand": 0.97,
    "cap": -0.52,
    "headscarf": -0.55,
    "patch": 0.60,
}


def dome(u: Map, y: Map) -> Map:
    """Height of the head without its nose."""
    a, b = u / 0.78, (y - 0.50) / 1.05
    return np.asarray(np.sqrt(np.maximum(1 - a * a - b * b, 0.02)) * 0.75)


def bump(distance: Map, width: float) -> Map:
    return np.asarray(np.exp(-((distance / width) ** 2)))


def line(distance: Map, width: float, depth: float) -> Map:
    """Fraction of light left by a dark line."""
    return np.asarray(1 - depth * bump(distance, width))


def _stitches(along: Map, distance: Map, pitch: float) -> Map:
    """Fraction of light left by a row of stitches or weld dots."""
    gaps = 0.5 + 0.5 * np.cos(along * 2 * np.pi / pitch)
    return np.asarray(1 - 0.22 * bump(distance, 0.006) * gaps)


def _tent(u: Map, y: Map, top: float) -> Map:
    """Fabric stretched over the nose and falling to the cheeks."""
    spread = 0.12 + 0.22 * np.clip(y - top, 0, 1)
    return np.asarray(0.13 * np.exp(-((u / spread) ** 2)) * bump(y - 0.60, 0.35))


def _surgical(u: Map, v: Map) -> Relief:
    # Three pleats: each is a slope that ends in a small step down.
    bent = (v + 0.22 - 0.16 * u**2) / 0.125
    phase = bent - np.floor(bent)
    inside = (bent > 0) & (bent < 3.6)
    steps = np.where(phase < 0.82, phase / 0.82, (1 - phase) / 0.18)
    pleats = 0.017 * steps * inside * np.exp(-((u / 0.55) ** 2))
    wire_at = v + 0.43 - 0.35 * u**2
    wire = 0.008 * bump(wire_at, 0.025)
    folds = np.where(inside, 1 - 0.16 * bump(phase - 0.93, 0.07), 1.0)
    binding = line(np.abs(u) - 0.545, 0.008, 0.15)
    welds = _stitches(v, np.abs(u) - 0.575, 0.03)
    return _tent(u, v + 0.81, 0.35) + pleats + wire, folds * binding * welds, ones(u)


def _cloth(u: Map, v: Map) -> Relief:
    ridge = 0.16 * np.exp(-np.sqrt(u**2 + 0.0004) / 0.28) * bump(v + 0.09, 0.55)
    # Two panels sewn together in the middle pucker a little along the seam.
    pucker = 0.0025 * np.sin(v * 75) * bump(u, 0.05)
    seam = line(u, 0.007, 0.20) * _stitches(v, np.abs(u) - 0.022, 0.022)
    return ridge + pucker, seam, ones(u)


def _cup(u: Map, v: Map) -> Relief:
    a, b = u / 0.55, v / 0.55
    dome = 0.26 * np.sqrt(np.maximum(1.05 - a * a - b * b, 0.01))
    body = dome + 0.5 * _tent(u, v + 0.79, 0.3)
    # A moulded ring, and the metal strip over the nose.
    ring = np.hypot(u, v * 0.95)
    body = body + 0.004 * np.tanh((0.36 - ring) / 0.012)
    clip_at = v + 0.435 - 0.55 * u**2
    on_nose = np.clip((0.20 - np.abs(u)) / 0.03, 0, 1)
    body = body + 0.006 * np.tanh(bump(clip_at, 0.022) * 3) * on_nose
    shade = line(ring - 0.36, 0.010, 0.10) * (1 - 0.22 * bump(clip_at, 0.02) * on_nose)
    return body, shade, ones(u)


def _fold(u: Map, v: Map) -> Relief:
    ridge = 0.26 * (1 - np.sqrt((u / 0.6) ** 2 + 0.0015)) * bump(v + 0.02, 0.62)
    welds = _stitches(v, np.abs(u) - 0.03, 0.02)
    # Welded ribs run from the middle to the cheeks.
    ribs = _stitches(u, np.abs(v + 0.30 - 0.25 * np.abs(u)) - 0.012, 0.025)
    edge = _stitches(v, np.abs(u) - 0.50, 0.02)
    clip_at = v + 0.415 - 0.75 * u**2
    on_nose = np.clip((0.18 - np.abs(u)) / 0.03, 0, 1)
    clip = 1 - 0.25 * bump(clip_at, 0.018) * on_nose
    return ridge, line(u, 0.006, 0.18) * welds * ribs * edge * clip, ones(u)


def _duckbill(u: Map, v: Map) -> Relief:
    crease = v - 0.02 - 0.25 * u**2
    bill = 0.23 * (1 - np.sqrt((crease / 0.5) ** 2 + 0.006)) * bump(u, 0.5)
    # The two flaps close to the cheeks with a fold each.
    folds = 0.012 * np.tanh((np.abs(u) - 0.34 - 0.1 * v) / 0.015)
    shade = line(crease, 0.008, 0.20) * line(np.abs(u) - 0.34 - 0.1 * v, 0.012, 0.14)
    return bill - folds, shade, ones(u)


def _gaiter(u: Map, v: Map) -> Relief:
    y = v + MIDDLE_Y["gaiter"]
    # The neck goes straight down where the head's ellipsoid turns back.
    neck = dome(u * 1.15, np.minimum(y, 1.0)) - dome(u, y)
    past_jaw = y - (1.21 - 1.2 * u**2)
    sunk = 0.12 / (1 + np.exp(-past_jaw / 0.03))
    # The slack tube gathers in rings around the neck, no two alike.
    slack = np.clip(past_jaw / 0.10, 0, 1)
    bent = past_jaw + 0.25 * u**2 + 0.03 * np.sin(5 * u + 1)
    wave = np.sin(34 * bent + 1.4 * np.sin(7 * u)) + 0.5 * np.sin(61 * bent - 4 * u)
    # Tension lines from the nose to the ears.
    pull = 0.004 * np.sin(46 * (y + 0.35 * np.abs(u))) * bump(y - 0.62, 0.16)
    below = np.clip((y - 1.0) / 0.2, 0, 1)
    body = _tent(u, y, 0.38) + pull + 0.011 * wave * slack + neck * below - sunk
    # The jaw keeps the light from the neck, and the sides turn behind it.
    shade = 1 - 0.38 * bump(past_jaw - 0.07, 0.09) - 0.12 * slack
    shade = shade * (1 - 0.30 * np.clip((np.abs(u) - 0.5) / 0.14, 0, 1))
    return body, shade, ones(u)


def _visor(u: Map, v: Map) -> Relief:
    bend = 0.35 * (1 - (u / 0.8) ** 2)
    # The band follows the upper edge around the forehead.
    band = 1 / (1 + np.exp((v + 0.78 - 0.32 * u**2) / 0.006))
    # Reflections of lamps, a faint haze, and an edge that catches the light.
    glare = 0.30 * bump(u - 0.38 - 0.12 * v, 0.05) + 0.22 * bump(u + 0.52, 0.03)
    glare = glare * bump(v + 0.1, 0.55) + 0.05
    cover = glare + (0.95 - glare) * band
    return bend, 1 - 0.45 * band, cover


def ones(u: Map) -> Map:
    return np.ones_like(u)


MASK_RELIEFS = {
    "surgical": _surgical,
    "cloth": _cloth,
    "ffp2": _cup,
    "kn95": _fold,
    "duckbill": _duckbill,
    "gaiter": _gaiter,
    "shield": _visor,
}
