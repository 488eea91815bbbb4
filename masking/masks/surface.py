"""The canonical surface of each kind: its relief, its seams and how it covers.

The reliefs of masks are in `relief`, those of what else hides faces stand here.

A surface is a table over the mask's own frame (u to the person's left, v down, face
squares, (0, 0) in the middle of the usual outline). Photographs are rendered by
looking up in it, on any device, so that there is one definition of each mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from masking.landmarks import Float32
from masking.masks.relief import (
    FORMS,
    MASK_RELIEFS,
    MIDDLE_Y,
    Map,
    Relief,
    bump,
    dome,
    form_of,
    line,
    ones,
    valve_u,
)
from masking.masks.spec import MaskSpec

# Fingers of a hand whose palm's middle is (0, 0): root, tip and half width.
FINGERS = (
    (-0.19, -0.10, -0.27, -0.52, 0.066),
    (-0.06, -0.18, -0.08, -0.66, 0.072),
    (0.07, -0.18, 0.10, -0.64, 0.070),
    (0.19, -0.10, 0.26, -0.48, 0.060),
    (0.20, 0.12, 0.46, -0.14, 0.076),
    (0.0, 0.25, 0.0, 1.30, 0.21),
)

STEP = 0.006
U_REACH, V_REACH = 0.9, 1.05
COLUMNS, ROWS = round(2 * U_REACH / STEP) + 1, round(2 * V_REACH / STEP) + 1
HEAD_MIDDLE = 0.6
_FLAT = {"surgical": 0.45, "cloth": 0.5}
# They are as far behind the face as they are (see `parameters`), no further.
_AROUND_SKULL = ("cap", "headscarf")
_VALVE_RADIUS = 0.085
_VALVE_V = 0.10


@dataclass(frozen=True, eq=False)
class Surface:
    """Tables of one kind.

    Attributes:
        looks: (ROWS, COLUMNS, 4) float32: slope of the height along u and along v,
            fraction of light that seams and folds leave (1 = all), and cover: up to 1
            how opaque it is, and what exceeds 1 is the fraction of a valve.
        rise: (ROWS, COLUMNS) float32 height above the skin, face squares.
    """

    looks: Float32
    rise: Float32


def _lens(u: Map, v: Map) -> Relief:
    body = 0.10 * np.sqrt(np.maximum(1 - (u / 0.4) ** 2 - (v / 0.3) ** 2, 0.05))
    # Sky is mirrored in the upper half.
    sky = 1 + 4.0 * bump(v + 0.07 - 0.3 * u, 0.06)
    return body, sky, np.full_like(u, 0.97)


def _hand(u: Map, v: Map) -> Relief:
    """The back of a hand: round fingers with knuckles and nails, and a wrist."""
    # Towards the wrist it gets no flatter.
    up = np.minimum(v, 0)
    height = 0.10 * np.sqrt(np.maximum(1 - (u / 0.36) ** 2 - (up / 0.42) ** 2, 0.05))
    shade = ones(u)
    for x0, y0, x1, y1, half in FINGERS:
        # A mask's own side mirrors it: see `Parameters.side`.
        du, dv, along_u, along_v = -u - x0, v - y0, x1 - x0, y1 - y0
        length = np.hypot(along_u, along_v)
        way = (du * along_u + dv * along_v) / length
        across = (du * along_v - dv * along_u) / length
        away = np.hypot(across, way - np.clip(way, 0, length)) / half
        # An arm is no higher than the palm that it goes on from.
        high = 0.10 if y1 > y0 else 0.9 * half + 0.03
        own = high * np.sqrt(np.maximum(1 - away**2, 0.04))
        on_it = np.clip((1.05 - away) / 0.1, 0, 1)
        # Whichever is higher, without an edge where they meet.
        height = np.log(np.exp(60 * height) + np.exp(60 * own * on_it) - 1) / 60
        if y1 > y0:
            continue
        # Skin is darker between fingers and in the folds over their two joints.
        free = np.clip((way - 0.25 * length) / 0.05, 0, 1)
        shade = shade * (1 - 0.30 * free * bump(away - 1, 0.12))
        for joint in (0.45 * length, 0.78 * length):
            shade = shade * (1 - 0.14 * on_it * bump(way - joint, 0.012))
        nail = (across / (0.55 * half)) ** 4 + ((way - length) / (0.75 * half)) ** 4
        shade = shade * (1 + 0.16 * np.clip(4 * (1 - nail), 0, 1))
        shade = shade * (1 - 0.14 * bump(nail - 1, 0.35))
    return np.asarray(cv2.GaussianBlur(height, (0, 0), 2.0), float), shade, ones(u)


def _cap(u: Map, v: Map) -> Relief:
    crown = 0.35 * np.sqrt(np.maximum(1 - (u / 0.8) ** 2 - (v / 0.75) ** 2, 0.03))
    brim_from = 0.285 + 0.12 * (u / 0.6) ** 2
    past = v - brim_from
    brim = np.clip(past / 0.02, 0, 1)
    # It bends down to both sides, and rows of stitches follow its edge.
    bent = brim * (0.30 * past - 0.35 * u**2)
    rows = line(past - 0.08, 0.008, 0.12) * line(past - 0.15, 0.008, 0.12)
    panels = line(u, 0.006, 0.20) * line(np.abs(u) - 0.42 - 0.5 * v, 0.006, 0.14)
    # Eyelets beside the seam.
    for side in (-0.20, 0.20):
        panels = panels * line(np.hypot(u - side, v + 0.22), 0.016, 0.35)
    # The crown keeps light from where the brim begins.
    shade = (1 - brim) * panels + brim * rows * (0.80 - 0.25 * bump(past, 0.07))
    return crown + bent, shade * line(past, 0.012, 0.35), ones(u)


def _headscarf(u: Map, v: Map) -> Relief:
    crown = 0.30 * np.sqrt(np.maximum(1 - (u / 1.0) ** 2 - (v / 0.9) ** 2, 0.03))
    # Wound around the head: folds follow the hem, and run to a knot at one side.
    hem = v + 0.45 * u**2
    wave = 26 * hem + 7 * u * (0.4 - hem) + 1.2 * np.sin(4 * u + 9 * hem)
    folds = np.sin(wave) + 0.5 * np.sin(1.7 * wave - 6 * u + 1)
    fading = np.clip((v + 0.75) / 0.3, 0.15, 1)
    shade = 1 - 0.10 * np.clip(-np.sin(wave), 0, 1) ** 3 * fading
    return crown + 0.010 * folds * fading, shade, ones(u)


def _patch(u: Map, v: Map) -> Relief:
    return np.zeros_like(u), ones(u), ones(u)


OCCLUDER_RELIEFS = {
    "sunglasses": _lens,
    "hand": _hand,
    "cap": _cap,
    "headscarf": _headscarf,
    "patch": _patch,
}


def surface_name(spec: MaskSpec) -> str:
    """Name of a spec's surface, see SURFACES."""
    return SURFACES[surface_number(spec)]


def surface_number(spec: MaskSpec) -> int:
    """Number of a spec's surface in SURFACES."""
    return _number(spec.kind, form_of(spec), spec.valve)


@cache
def _number(kind: str, form: int, valve: bool) -> int:
    return SURFACES.index(_name(kind, form, valve))


def _name(kind: str, form: int, valve: bool) -> str:
    return f"{kind}.{form}" + ("+valve" if valve else "")


def head_height(x: Map, y: Map) -> Float32:
    """Height of an average face towards the camera, canonical, face squares.

    An ellipsoid with a nose: enough for where the light comes from.
    """
    nose = 0.16 * bump(x - 0.5, 0.10) * bump(y - 0.50, 0.17)
    return np.asarray(dome(x - 0.5, y) + nose, dtype=np.float32)


@cache
def surface(name: str) -> Surface:
    """The tables of one of SURFACES."""
    whole, _, valve = name.partition("+")
    kind, _, form = whole.partition(".")
    u, v = np.meshgrid(
        np.linspace(-U_REACH, U_REACH, COLUMNS), np.linspace(-V_REACH, V_REACH, ROWS)
    )
    y = v + MIDDLE_Y[kind]
    if kind == "hand":
        # The wrist does not bend around the chin.
        y = np.minimum(y, MIDDLE_Y[kind] - 0.17)
    if kind in MASK_RELIEFS:
        body, shade, cover = MASK_RELIEFS[kind](u, v, int(form))
    else:
        body, shade, cover = OCCLUDER_RELIEFS[kind](u, v)
    if valve:
        inside = _VALVE_RADIUS - np.hypot(u - valve_u(int(form)), v - _VALVE_V)
        body = body + 0.0175 * (1 + np.tanh(inside / 0.016))
        body = body + 0.004 * np.cos(inside / _VALVE_RADIUS * 20) * (inside > 0)
        cover = cover + 0.7 * np.clip(inside / 0.012 + 0.5, 0, 1)
        shade = shade * (1 - 0.35 * bump(inside, 0.012))
    height = dome(u, y) + body
    if kind not in OCCLUDER_RELIEFS:
        shade = shade * _hollows(body)
    # Cloth is flatter than the head, and thin: light comes through it, too.
    flat = height - _FLAT.get(kind, 0.0) * dome(u, y)
    slope_v, slope_u = np.gradient(flat, STEP)
    looks = np.stack([slope_u, slope_v, shade, cover], axis=-1).astype(np.float32)
    rise = np.maximum(height - head_height(u + 0.5, y), 0).astype(np.float32)
    if kind in _AROUND_SKULL:
        rise = np.zeros_like(rise)
    looks.setflags(write=False)
    rise.setflags(write=False)
    return Surface(looks, rise)


def _hollows(height: Map) -> Map:
    """Fraction of light between folds, where less of the sky is seen; 1 on flat."""
    # Its curvature, px to face squares.
    bend = cv2.Laplacian(cv2.GaussianBlur(height, (0, 0), 1.5), cv2.CV_64F) / STEP**2
    return np.asarray(1 - 0.22 * np.tanh(bend / 20))


@cache
def head_slopes() -> Float32:
    """(ROWS, COLUMNS, 2) float32 slopes of the bare head; v = 0 at y = 0.6."""
    u, v = np.meshgrid(
        np.linspace(-U_REACH, U_REACH, COLUMNS), np.linspace(-V_REACH, V_REACH, ROWS)
    )
    slope_v, slope_u = np.gradient(head_height(u + 0.5, v + HEAD_MIDDLE), STEP)
    slopes = np.stack([slope_u, slope_v], axis=-1).astype(np.float32)
    slopes.setflags(write=False)
    return slopes


SURFACES = tuple(
    _name(kind, form, valve)
    for kind in (*MASK_RELIEFS, *OCCLUDER_RELIEFS)
    for form in range(FORMS.get(kind, 1))
    for valve in ((False, True) if kind in ("ffp2", "kn95") else (False,))
)
# Stiff masks crease less.
LIMPNESS = {
    "surgical": 0.55,
    "cloth": 0.65,
    "ffp2": 0.15,
    "kn95": 0.35,
    "duckbill": 0.35,
    "gaiter": 0.8,
    "shield": 0.0,
    "sunglasses": 0.0,
    "hand": 0.25,
    "cap": 0.5,
    "headscarf": 1.2,
    "patch": 0.0,
}
