"""The relief, seams, folds and cover of each kind of mask.

Functions of (u, v) in the frame of the thing, face squares, (0, 0) in the middle of
the usual outline, and of which of its kind's FORMS a mask has. Each gives the height
above the head, the fraction of light that seams and folds leave (1 = all), and how
opaque it is in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.masks.spec import MaskSpec

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
    "cap": -0.51,
    "headscarf": -0.55,
    "patch": 0.60,
}


# Masks of a kind that differ in their folds.
FORMS = {
    "surgical": 12,
    "cloth": 8,
    "ffp2": 4,
    "kn95": 4,
    "duckbill": 2,
    "gaiter": 2,
    "shield": 1,
}


def form_of(spec: MaskSpec) -> int:
    """Which of its kind's FORMS a mask has; 0 for occluders."""
    return spec.seed // 11 % FORMS.get(spec.kind, 1)


def is_pleated(kind: str, form: int) -> bool:
    """Whether a mask is a pleated rectangle: of cloth ones every other form."""
    return kind == "surgical" or (kind == "cloth" and form % 2 == 0)


def is_moulded(kind: str, form: int) -> bool:
    """Whether a cloth mask is one smooth piece of foam that ends in its ear loops."""
    return kind == "cloth" and form % 4 == 3


def has_letters(kind: str) -> bool:
    """Whether its maker prints words on it, which are never seen mirrored."""
    return kind in ("ffp2", "kn95")


def valve_u(form: int) -> float:
    """u of the middle of an exhalation valve; words stand on the other side."""
    return 0.2 if form // 2 % 2 else -0.2


def _generator(kind: str, form: int) -> np.random.Generator:
    return np.random.default_rng([len(kind), ord(kind[0]), form])


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


def _ridge(u: Map, v: Map, wide: float, high: float, round_: float) -> Map:
    """The middle of a mask stands off along the nose and falls to both sides."""
    return np.asarray(high * np.exp(-np.sqrt(u**2 + round_) / wide) * bump(v, 0.55))


def _slack(u: Map, v: Map, rng: np.random.Generator, limp: float) -> Map:
    """A few large dents, and narrower folds across them."""
    large = creases(u, v, rng, 4, 0.065 * limp, 0.12)
    # At its hem it lies on the skin.
    inner = np.clip(2.5 * (1 - (u / 0.60) ** 2 - (v / 0.52) ** 2), 0, 1)
    return inner * (large + creases(u, v, rng, 5, 0.028 * limp, 0.03))


def _surgical(u: Map, v: Map, form: int) -> Relief:
    rng = _generator("surgical", form)
    # Folded together at the sides, they open towards the middle; the lower ones hang.
    lines = [(-0.27, -0.15), (-0.10, -0.10), (0.10, -0.05), (0.29, 0.01)]
    lines = [
        (m + rng.uniform(-0.05, 0.05), s + rng.uniform(-0.02, 0.02)) for m, s in lines
    ]
    folded, folds = pleats(u, v, rng, lines)
    # Few are creased in the middle, below the nose, as they were folded in their box.
    creased = form % 3 == 0
    high, sharp = (0.08, 0.004) if creased else (rng.uniform(0.08, 0.15), 0.015)
    body = _tent(u, v + 0.81, 0.35) + _ridge(u, v, 0.25, high, sharp)
    body = body + folded + 0.35 * gathers(u, v, rng, (-0.32, 0.09))
    body = body + _slack(u, v, rng, 1.0)
    # A wire over the nose, bent in two places, in a band that is welded on.
    wire_at = v + 0.41 - 0.27 * u**2
    if creased:
        body = body + 0.03 * np.exp(-np.sqrt(u**2 + 1e-3) / 0.06) * bump(v - 0.14, 0.24)
    wire = 0.012 * bump(wire_at, 0.020) * (1 + 0.9 * np.sin(14 * np.abs(u) + form))
    # The pale lining is folded over the upper edge, and welded on in two rows.
    band = 1 + rng.uniform(0, 0.20) * np.clip((0.032 - wire_at) / 0.01, 0, 1)
    band = band * line(wire_at - 0.036, 0.010, rng.uniform(0.05, 0.2))
    band = band * _stitches(u, wire_at - 0.012, 0.022) * _stitches(u, wire_at, 0.022)
    # So are strips over the ends of the pleats.
    aside = np.abs(u) - SIDE
    binding = 1 + 0.09 * np.clip((aside + 0.060) / 0.008, 0, 1)
    binding = binding * line(aside + 0.064, 0.010, 0.13)
    welds = _stitches(v, aside + 0.030, 0.026) * _stitches(v, aside + 0.012, 0.026)
    return body + wire, folds * band * binding * welds, ones(u)


def _cloth(u: Map, v: Map, form: int) -> Relief:
    rng = _generator("cloth", form)
    if is_pleated("cloth", form):
        lines = [(-0.20, -0.20), (-0.03, -0.12), (0.14, -0.05), (0.30, 0.03)]
        lines = [(m + rng.uniform(-0.03, 0.03), s) for m, s in lines]
        folded, shade = pleats(u, v, rng, lines)
        body = _tent(u, v + 0.81, 0.35) + folded + gathers(u, v, rng, (-0.32, 0.09))
        shade = shade * _stitches(v, np.abs(u) - 0.485, 0.022)
        shade = shade * _stitches(u, v + 0.43 - 0.27 * u**2, 0.022)
    elif is_moulded("cloth", form):
        body = _ridge(u, v, 0.28, 0.20, 0.003) + 0.4 * gathers(u, v, rng, (-0.20, 0.10))
        body = body + _slack(u, v, rng, 0.35)
        return body, line(u, 0.006, 0.16), ones(u)
    else:
        ridge = 0.16 * np.exp(-np.sqrt(u**2 + 0.0004) / 0.28) * bump(v + 0.09, 0.55)
        # Two panels sewn together in the middle pucker a little along the seam.
        pucker = 0.0025 * np.sin(v * 75) * bump(u, 0.05)
        body = ridge + pucker + 0.6 * gathers(u, v, rng, (-0.26, 0.07))
        shade = line(u, 0.007, 0.20) * _stitches(v, np.abs(u) - 0.022, 0.022)
    return body + _slack(u, v, rng, 1.0), shade, ones(u)


def _clip(u: Map, v: Map, bend: float) -> tuple[Map, Map]:
    """Height of the metal strip over the nose, and the light that it leaves."""
    at, on_nose = v + 0.425 - bend * u**2, np.clip((0.20 - np.abs(u)) / 0.02, 0, 1)
    height = 0.010 * np.tanh(bump(at, 0.022) * 3) * on_nose
    return height, 1 - 0.16 * bump(np.abs(at) - 0.026, 0.008) * on_nose


def _cup(u: Map, v: Map, form: int) -> Relief:
    rng = _generator("ffp2", form)
    a, b = u / 0.60, v / 0.55
    dome = 0.26 * np.sqrt(np.maximum(1.05 - a * a - b * b, 0.01))
    body = dome + 0.5 * _tent(u, v + 0.79, 0.3) + _slack(u, v, rng, 0.5)
    strip, shade = _clip(u, v, 0.55)
    if form % 2:
        # Three panels: the upper and the lower one are folded over the middle one.
        for at in (-0.13 + 0.35 * u**2 - v, v - 0.20 + 0.25 * u**2):
            body = body - 0.012 * (1 + np.tanh(at / 0.012))
            shade = shade * line(at, 0.010, 0.22) * _stitches(u, at - 0.02, 0.02)
    else:
        ring = np.hypot(u * 0.9, v * 0.95)
        body = body + 0.006 * np.tanh((0.36 - ring) / 0.012)
        shade = shade * line(ring - 0.36, 0.010, 0.12)
    printed = letters(u, v, rng, -valve_u(form), _FFP2_WORDS)
    return body + strip, shade * printed, ones(u)


def _fold(u: Map, v: Map, form: int) -> Relief:
    rng = _generator("kn95", form)
    ridge = 0.26 * (1 - np.sqrt((u / 0.6) ** 2 + 0.003)) * bump(v + 0.02, 0.62)
    welds = _stitches(v, np.abs(u) - 0.03, 0.02)
    # Welded ribs run from the middle to the cheeks.
    ribs = _stitches(u, np.abs(v + 0.30 - 0.25 * np.abs(u)) - 0.012, 0.025)
    edge = _stitches(v, np.abs(u) - 0.50, 0.02)
    strip, clip = _clip(u, v, 0.75)
    printed = letters(u, v, rng, -valve_u(form), _KN95_WORDS)
    shade = line(u, 0.006, 0.18) * welds * ribs * edge * clip * printed
    return ridge + strip + _slack(u, v, rng, 0.7), shade, ones(u)


def _duckbill(u: Map, v: Map, form: int) -> Relief:
    rng = _generator("duckbill", form)
    crease = v - 0.02 - 0.25 * u**2
    bill = 0.23 * (1 - np.sqrt((crease / 0.5) ** 2 + 0.010)) * bump(u, 0.5)
    # The two flaps close to the cheeks with a fold each.
    folds = 0.012 * np.tanh((np.abs(u) - 0.34 - 0.1 * v) / 0.015)
    shade = line(crease, 0.008, 0.20) * line(np.abs(u) - 0.34 - 0.1 * v, 0.012, 0.14)
    strip, clip = _clip(u, v, 0.6)
    body = bill - folds + strip + _slack(u, v, rng, 0.8)
    return body, shade * clip, ones(u)


def _gaiter(u: Map, v: Map, form: int) -> Relief:
    rng = _generator("gaiter", form)
    y = v + MIDDLE_Y["gaiter"]
    # The neck goes straight down where the head's ellipsoid turns back.
    neck = dome(u * 1.15, np.minimum(y, 1.0)) - dome(u, y)
    past_jaw = y - (1.21 - 1.2 * u**2)
    sunk = 0.12 / (1 + np.exp(-past_jaw / 0.03))
    # The slack tube gathers in rings around the neck, no two alike.
    slack = np.clip(past_jaw / 0.10, 0, 1) * np.clip((1.58 - y) / 0.14, 0, 1)
    start = rng.uniform(0, 6, 4)
    bent = past_jaw + 0.25 * u**2 + 0.03 * np.sin(5 * u + start[0])
    wave = np.sin(34 * bent + 1.4 * np.sin(7 * u + start[1]))
    wave = wave + 0.5 * np.sin(61 * bent - 4 * u + start[2])
    # Tension lines from the nose to the ears.
    pull = 0.006 * np.sin(46 * (y + 0.35 * np.abs(u)) + start[3]) * bump(y - 0.62, 0.16)
    inner = bump(y - 0.75, 0.35) * np.clip((0.52 - np.abs(u)) / 0.1, 0, 1)
    pull = pull + _slack(u, y - 0.80, rng, 0.8) * inner
    below = np.clip((y - 1.0) / 0.2, 0, 1)
    body = _tent(u, y, 0.38) + pull + 0.011 * wave * slack + neck * below - sunk
    # The jaw keeps the light from the neck, and the sides turn behind it.
    shade = 1 - 0.38 * bump(past_jaw - 0.07, 0.09) - 0.12 * slack
    shade = shade * (1 - 0.30 * np.clip((np.abs(u) - 0.5) / 0.14, 0, 1))
    return body, shade, ones(u)


def _visor(u: Map, v: Map, form: int) -> Relief:
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


# u of the sides of a pleated mask.
SIDE = 0.54


def gathers(u: Map, v: Map, rng: np.random.Generator, corners: Sequence[float]) -> Map:
    """Folds that run inwards from where straps pull: (SIDE, v) of both sides."""
    height = np.zeros_like(u)
    for side in (-1, 1):
        for corner in corners:
            inwards, down = SIDE - side * u, v - corner
            away = np.hypot(inwards, down)
            turn = np.arctan2(down, inwards)
            waves = rng.uniform(5, 9)
            ridges = np.abs(np.sin(waves * turn + rng.uniform(0, np.pi)))
            ridges = ridges + 0.5 * np.sin(2.3 * waves * turn + rng.uniform(0, 6))
            # Folds are as wide as they are far from the corner, and as high.
            reach = np.minimum(away / 0.10, 1) * np.exp(-away / rng.uniform(0.10, 0.2))
            # Fabric is pulled up to the nose and not down from the upper corner.
            pulled = 1 / (1 + np.exp((turn - 0.1) / 0.15)) if corner < 0 else 1.0
            part = rng.uniform(0.012, 0.026) * reach * (inwards > 0)
            height += part * pulled * ridges
    return height


def creases(
    u: Map, v: Map, rng: np.random.Generator, count: int, depth: float, width: float
) -> Map:
    """Single folds of fabric that is slack or was folded away: somewhere, any way."""
    height = np.zeros_like(u)
    for _ in range(count):
        aside, low = rng.uniform(-0.42, 0.42), rng.uniform(-0.25, 0.35)
        du, dv = u - aside, v - low
        # Seldom across: a mask hangs from both ears, and mostly down to the chin.
        turn = rng.uniform(0.10, 0.60) * np.pi
        if (aside > 0) == (rng.random() < 0.8):
            turn = np.pi - turn
        along = np.cos(turn) * du + np.sin(turn) * dv
        across = np.cos(turn) * dv - np.sin(turn) * du + rng.uniform(-1, 1) * along**2
        wide, length = width * rng.uniform(0.5, 1.5), rng.uniform(0.10, 0.28)
        part = np.exp(-((along / length) ** 2))
        sharp = np.exp(-np.sqrt(across**2 + 1e-4) / wide)
        height += depth * rng.choice([-1, 1]) * rng.uniform(0.5, 1) * sharp * part
    return height


def pleats(
    u: Map, v: Map, rng: np.random.Generator, lines: Sequence[tuple[float, float]]
) -> tuple[Map, Map]:
    """Height of pleats that open in the middle, and the light that their steps leave.

    Args:
        lines: v in the middle and at the sides where each begins; the last one ends.
    """
    bent = np.minimum(np.abs(u) / 0.5, 1.15) ** rng.uniform(1.5, 2.2)
    slant = u * rng.uniform(-0.12, 0.12)
    at = [middle + (side - middle) * bent + slant for middle, side in lines]
    place = np.zeros_like(u)
    for upper, lower in pairwise(at):
        place += np.clip((v - upper) / (lower - upper), 0, 1)
    inside = (place > 0) & (place < len(lines) - 1)
    phase = place - np.floor(place)
    # Each is a slope that ends in a small step down.
    steps = np.where(phase < 0.82, phase / 0.82, (1 - phase) / 0.18)
    # Over nose and mouth they are stretched flat; they come and go along their length.
    wave = np.sin(u * rng.uniform(4, 9) + 2 * np.floor(place) + rng.uniform(0, 6))
    uneven = np.clip(0.6 + 0.7 * wave, 0.1, 1)
    # The chin stretches the lower ones most.
    uneven = uneven * (1.35 - 0.35 * np.clip(np.floor(place), 0, 2))
    depth = (0.35 + 0.65 * np.minimum(np.abs(u) / 0.40, 1)) * uneven
    shadow = 0.16 * np.exp(-(((phase - 0.93) / 0.08) ** 2))
    # Each keeps light from the one below, softly.
    shadow = (shadow + 0.12 * np.exp(-phase / 0.25) * (place > 1)) * depth
    # Where they overlap, less light comes through.
    shadow = shadow + 0.07 * np.clip((phase - 0.5) / 0.06, 0, 1)
    return 0.028 * steps * inside * depth, np.where(inside, 1 - shadow, 1.0)


# Types and the standards below them, as on masks that shops sell; nobody has CE 0000.
_FFP2_WORDS = ("FFP2 NR", "EN 149", "CE 0000")
_KN95_WORDS = ("KN95", "GB2626", "NIOSH")


def letters(
    u: Map, v: Map, rng: np.random.Generator, middle: float, words: Sequence[str]
) -> Map:
    """Fraction of light left by rows of words in print.

    Args:
        u, v: of a table whose columns and rows are evenly apart.
        middle: u about which they stand.
        words: a row each, the first one larger.
    """
    fine = 4
    step = (u[0, -1] - u[0, 0]) / (u.shape[1] - 1) / fine
    ink = np.zeros((u.shape[0] * fine, u.shape[1] * fine), dtype=np.uint8)
    left, top = middle - rng.uniform(0.08, 0.13), rng.uniform(0.0, 0.12)
    for row, word in enumerate(words):
        size = 0.046 if row == 0 else 0.030
        at = (left - u[0, 0]) / step, (top + 0.050 * row - v[0, 0]) / step
        # Its capitals are 21 px high at a scale of 1.
        cv2.putText(
            ink,
            word,
            (round(at[0]), round(at[1])),
            cv2.FONT_HERSHEY_SIMPLEX,
            size / step / 21,
            255,
            2,
            cv2.LINE_AA,
        )
    whole = (u.shape[1], u.shape[0])
    soft = cv2.resize(ink, whole, interpolation=cv2.INTER_AREA) / 255
    return np.asarray(1 - rng.uniform(0.45, 0.8) * soft)
