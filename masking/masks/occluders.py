"""The relief, seams and cover of what else hides faces; see `mask_relief`."""

from __future__ import annotations

import numpy as np

from masking.masks.relief import Map, Relief, bump, line, ones


def _lens(u: Map, v: Map) -> Relief:
    body = 0.10 * np.sqrt(np.maximum(1 - (u / 0.4) ** 2 - (v / 0.3) ** 2, 0.05))
    # Sky is mirrored in the upper half.
    sky = 1 + 4.0 * bump(v + 0.07 - 0.3 * u, 0.06)
    return body, sky, np.full_like(u, 0.97)


def _hand(u: Map, v: Map) -> Relief:
    palm = 0.10 * np.sqrt(np.maximum(1 - (u / 0.45) ** 2 - (v / 0.5) ** 2, 0.05))
    knuckles = 0.012 * bump(v + 0.20, 0.05) * (1 + np.cos(u * 46))
    return palm + knuckles, line(v - 0.12 - 0.3 * u, 0.012, 0.12), ones(u)


def _cap(u: Map, v: Map) -> Relief:
    crown = 0.35 * np.sqrt(np.maximum(1 - (u / 0.8) ** 2 - (v / 0.75) ** 2, 0.03))
    brim_from = 0.22 + 0.10 * (u / 0.5) ** 2
    brim = np.clip((v - brim_from) / 0.02, 0, 1)
    slope = 0.30 * np.maximum(v - brim_from, 0)
    panels = line(u, 0.006, 0.25) * line(np.abs(u) - 0.36 - 0.2 * v, 0.006, 0.22)
    shade = (1 - brim) * panels + brim * 0.72
    return crown + slope, shade * line(v - brim_from, 0.012, 0.35), ones(u)


def _headscarf(u: Map, v: Map) -> Relief:
    crown = 0.30 * np.sqrt(np.maximum(1 - (u / 1.0) ** 2 - (v / 0.9) ** 2, 0.03))
    around = np.arctan2(v - 0.6, np.abs(u) + 0.15)
    folds = 0.014 * np.sin(30 * around + 3 * np.hypot(u, v))
    return crown + folds, 1 - 0.08 * (np.sin(30 * around) > 0.6), ones(u)


def _patch(u: Map, v: Map) -> Relief:
    return np.zeros_like(u), ones(u), ones(u)


OCCLUDER_RELIEFS = {
    "sunglasses": _lens,
    "hand": _hand,
    "cap": _cap,
    "headscarf": _headscarf,
    "patch": _patch,
}
