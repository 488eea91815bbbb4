"""Folds of worn fabric: heights over (u, v) in the frame of a mask, face squares.

What is irregular about them is drawn by a generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating]
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
        # Seldom across: a mask is stretched from ear to ear, and mostly up to the nose.
        turn = rng.uniform(0.10, 0.60) * np.pi
        if (aside > 0) == (rng.random() < 0.2):
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
    slant = u * rng.uniform(-0.04, 0.04)
    at = [middle + (side - middle) * bent + slant for middle, side in lines]
    place = np.zeros_like(u)
    for upper, lower in pairwise(at):
        place += np.clip((v - upper) / (lower - upper), 0, 1)
    inside = (place > 0) & (place < len(lines) - 1)
    phase = place - np.floor(place)
    # Each is a slope that ends in a small step down.
    steps = np.where(phase < 0.82, phase / 0.82, (1 - phase) / 0.18)
    # They come and go along their length.
    wave = np.sin(u * rng.uniform(4, 9) + 2 * np.floor(place) + rng.uniform(0, 6))
    uneven = np.clip(0.6 + 0.7 * wave, 0.1, 1)
    depth = (0.55 + 0.45 * np.exp(-((u / 0.36) ** 2))) * uneven
    shadow = 0.22 * np.exp(-(((phase - 0.93) / 0.08) ** 2)) * uneven
    # Where they overlap, less light comes through.
    shadow = shadow + 0.07 * np.clip((phase - 0.5) / 0.06, 0, 1)
    return 0.032 * steps * inside * depth, np.where(inside, 1 - shadow, 1.0)


def letters(u: Map, v: Map, rng: np.random.Generator) -> Map:
    """Fraction of light left by rows of print: maker, type and standard."""
    ink = np.zeros_like(u)
    left, top = rng.uniform(-0.34, -0.14), rng.uniform(0.02, 0.16)
    for row, size in enumerate(rng.permutation([0.045, 0.022, 0.022])):
        at, y = left + rng.uniform(0, 0.03), top + 0.055 * row
        for _ in range(int(rng.integers(3, 8))):
            wide = size * rng.uniform(0.4, 0.9)
            stroke = (np.abs(u - at - wide / 2) < wide / 2) & (np.abs(v - y) < size / 2)
            hole = (np.abs(u - at - wide / 2) < wide / 5) & (np.abs(v - y) < size / 4)
            ink = np.where(stroke & ~(hole & (rng.random() < 0.7)), 1.0, ink)
            at += wide + 0.3 * size
    return np.asarray(1 - rng.uniform(0.35, 0.75) * ink)
