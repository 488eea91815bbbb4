"""Colours and prints of what people wear on their faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]

# Reflectance in linear light, (R, G, B) in [0, 1]; what shops sell.
_MEDICAL: tuple[Colour, ...] = (
    (0.27, 0.52, 0.70),
    (0.42, 0.66, 0.80),
    (0.78, 0.80, 0.82),
    (0.25, 0.50, 0.45),
    (0.035, 0.035, 0.037),
    (0.80, 0.52, 0.58),
)
_RESPIRATOR: tuple[Colour, ...] = (
    (0.80, 0.80, 0.78),
    (0.76, 0.77, 0.78),
    (0.045, 0.045, 0.047),
    (0.45, 0.47, 0.50),
)
_PRINTED = ("cloth", "gaiter", "cap", "headscarf", "patch")
_PRINT_SHARES = {
    "plain": 0.46,
    "stripes": 0.09,
    "check": 0.09,
    "dots": 0.09,
    "camouflage": 0.09,
    "floral": 0.09,
    "blocks": 0.09,
}
_MOSTLY_PLAIN = 0.12


@dataclass(frozen=True)
class FabricLook:
    """Reflectance of the fabric, of its print, and which print it is."""

    colour: Colour
    second: Colour
    print_name: str


def draw_look(rng: np.random.Generator, kind: str) -> FabricLook:
    """Colours and print of one thing, drawn by lot."""
    if kind in _PRINTED:
        names, shares = zip(*_PRINT_SHARES.items(), strict=True)
        colour, second = any_colour(rng), any_colour(rng)
        return FabricLook(colour, second, str(rng.choice(names, p=shares)))
    if kind == "shield":
        return FabricLook((0.75, 0.78, 0.80), (0.1, 0.1, 0.1), "plain")
    if kind == "sunglasses":
        dark = float(rng.uniform(0.004, 0.05))
        tint = rng.uniform(0.6, 1.0, 3)
        red, green, blue = (float(dark * value) for value in tint)
        return FabricLook((red, green, blue), (red, green, blue), "plain")
    if kind == "hand":
        # Painted in the colour of the face's own skin.
        return FabricLook((0.42, 0.27, 0.20), (0.42, 0.27, 0.20), "plain")
    return _medical_look(rng, kind)


def _medical_look(rng: np.random.Generator, kind: str) -> FabricLook:
    palette = _MEDICAL if kind == "surgical" else _RESPIRATOR
    base = np.array(palette[int(rng.integers(len(palette)))])
    shade = np.clip(base * rng.uniform(0.9, 1.1, 3), 0.01, 0.88)
    red, green, blue = (float(value) for value in shade)
    second = any_colour(rng)
    names = [name for name in _PRINT_SHARES if name != "plain"]
    printed = str(rng.choice(names))
    # Fashion sells every kind in every colour, though seldom.
    if rng.random() < _MOSTLY_PLAIN:
        return FabricLook(any_colour(rng), second, printed)
    return FabricLook((red, green, blue), (red, green, blue), "plain")


def any_colour(rng: np.random.Generator) -> Colour:
    """A colour that cloth may have, drawn by lot; many are dark, many are grey."""
    # Squares of uniform numbers: half of all cloth masks are dark.
    colour = rng.uniform(0.18, 0.92, 3) ** 2
    # Shops sell muted colours more often than neon, and grey most of all.
    muted = 1.0 if rng.random() < 0.35 else float(rng.uniform(0.1, 0.7))
    red, green, blue = (float(v) for v in colour + muted * (colour.mean() - colour))
    return (red, green, blue)
