"""The relief, seams and cover of what else hides faces; see `mask_relief`."""

from __future__ import annotations

import cv2
import numpy as np

from masking.masks.relief import Map, Relief, bump, line, ones
from masking.masks.straps import FINGERS


def _lens(u: Map, v: Map) -> Relief:
    body = 0.10 * np.sqrt(np.maximum(1 - (u / 0.4) ** 2 - (v / 0.3) ** 2, 0.05))
    # Sky is mirrored in the upper half.
    sky = 1 + 4.0 * bump(v + 0.07 - 0.3 * u, 0.06)
    return body, sky, np.full_like(u, 0.97)


def _hand(u: Map, v: Map) -> Relief:
    """The back of a hand: round fingers with knuckles and nails, and a wrist."""
    height = 0.10 * np.sqrt(np.maximum(1 - (u / 0.36) ** 2 - (v / 0.42) ** 2, 0.05))
    shade = ones(u)
    for x0, y0, x1, y1, half in FINGERS:
        # A mask's own side mirrors it: see `Parameters.valve_side`.
        du, dv, along_u, along_v = -u - x0, v - y0, x1 - x0, y1 - y0
        length = np.hypot(along_u, along_v)
        way = (du * along_u + dv * along_v) / length
        across = (du * along_v - dv * along_u) / length
        away = np.hypot(across, way - np.clip(way, 0, length)) / half
        own = 0.9 * half * np.sqrt(np.maximum(1 - away**2, 0.04)) + 0.03
        on_it = np.clip((1.05 - away) / 0.1, 0, 1)
        height = np.maximum(height, own * on_it)
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
    brim_from = 0.22 + 0.10 * (u / 0.5) ** 2
    brim = np.clip((v - brim_from) / 0.02, 0, 1)
    slope = 0.30 * np.maximum(v - brim_from, 0)
    panels = line(u, 0.006, 0.20) * line(np.abs(u) - 0.42 - 0.5 * v, 0.006, 0.14)
    # Eyelets beside the seam.
    for side in (-0.20, 0.20):
        panels = panels * line(np.hypot(u - side, v + 0.22), 0.016, 0.35)
    shade = (1 - brim) * panels + brim * 0.72
    return crown + slope, shade * line(v - brim_from, 0.012, 0.35), ones(u)


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
