"""Colours and prints of what people wear on their faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masking.landmarks import Float32

Colour = tuple[float, float, float]

# Reflectance in linear light, (R, G, B) in [0, 1], and how often shops sell it.
_Palette = tuple[tuple[Colour, float], ...]
_MEDICAL: _Palette = (
    ((0.50, 0.71, 0.84), 0.30),
    ((0.34, 0.62, 0.84), 0.15),
    ((0.80, 0.84, 0.88), 0.27),
    ((0.014, 0.014, 0.016), 0.16),
    ((0.25, 0.50, 0.45), 0.06),
    ((0.80, 0.56, 0.62), 0.06),
)
_RESPIRATOR: _Palette = (
    ((0.85, 0.86, 0.87), 0.45),
    ((0.82, 0.84, 0.86), 0.20),
    ((0.018, 0.018, 0.020), 0.25),
    ((0.40, 0.42, 0.45), 0.10),
)
_CLOTH: _Palette = (
    ((0.012, 0.012, 0.014), 0.36),
    ((0.018, 0.028, 0.080), 0.18),
    ((0.10, 0.11, 0.12), 0.08),
    ((0.42, 0.43, 0.44), 0.03),
    ((0.80, 0.81, 0.82), 0.14),
    ((0.28, 0.02, 0.03), 0.06),
    ((0.62, 0.30, 0.36), 0.05),
    ((0.09, 0.20, 0.42), 0.05),
    ((0.06, 0.12, 0.07), 0.05),
)
_FROM_PALETTE = 0.7
_INK, _PAPER, _CONTRAST = (0.02, 0.02, 0.03), (0.50, 0.50, 0.48), 0.4
_PRINTED = ("cloth", "gaiter", "cap", "headscarf", "patch")
_PRINT_FRACTIONS = {
    "plain": 0.46,
    "stripes": 0.09,
    "check": 0.09,
    "dots": 0.09,
    "camouflage": 0.09,
    "floral": 0.09,
    "blocks": 0.09,
}
_FASHION = 0.12


@dataclass(frozen=True)
class FabricLook:
    """Reflectance of the fabric, of its print, and which print it is.

    Attributes:
        pitch: period of the print, face squares.
    """

    colour: Colour
    second: Colour
    print_name: str
    pitch: float = 0.1


def draw_look(rng: np.random.Generator, kind: str) -> FabricLook:
    """Colours and print of one thing, drawn at random."""
    if kind in _PRINTED:
        names, fractions = zip(*_PRINT_FRACTIONS.items(), strict=True)
        colour = _cloth_colour(rng)
        return _printed(rng, colour, str(rng.choice(names, p=fractions)))
    if kind == "shield":
        return FabricLook((0.75, 0.78, 0.80), (0.1, 0.1, 0.1), "plain")
    if kind == "sunglasses":
        dark = float(rng.uniform(0.004, 0.05))
        tint = rng.uniform(0.6, 1.0, 3)
        red, green, blue = (float(dark * value) for value in tint)
        return FabricLook((red, green, blue), (red, green, blue), "plain")
    if kind == "hand":
        # Rendered in the colour of the face's own skin.
        return FabricLook((0.42, 0.27, 0.20), (0.42, 0.27, 0.20), "plain")
    # Fashion sells every kind in every colour, though seldom.
    if rng.random() < _FASHION:
        prints = [name for name in _PRINT_FRACTIONS if name != "plain"]
        return _printed(rng, any_colour(rng), str(rng.choice(prints)))
    colour = _shade(rng, _MEDICAL if kind == "surgical" else _RESPIRATOR)
    return FabricLook(colour, colour, "plain")


def _printed(rng: np.random.Generator, colour: Colour, name: str) -> FabricLook:
    # Letters are larger than dots.
    low, high = (0.22, 0.45) if name == "blocks" else (0.06, 0.22)
    second = _cloth_colour(rng)
    # A print is there to be seen.
    if abs(sum(second) - sum(colour)) < _CONTRAST:
        second = _INK if sum(colour) > 0.6 else _PAPER
    return FabricLook(colour, second, name, float(rng.uniform(low, high)))


def _cloth_colour(rng: np.random.Generator) -> Colour:
    if rng.random() < _FROM_PALETTE:
        return _shade(rng, _CLOTH)
    return any_colour(rng)


def _shade(rng: np.random.Generator, palette: _Palette) -> Colour:
    """One colour of a palette, a little lighter or darker."""
    fractions = [fraction for _, fraction in palette]
    base = np.array(palette[int(rng.choice(len(palette), p=fractions))][0])
    bleached = base * float(rng.uniform(0.85, 1.2)) * rng.uniform(0.97, 1.03, 3)
    red, green, blue = (float(v) for v in np.clip(bleached, 0.008, 0.88))
    return (red, green, blue)


def any_colour(rng: np.random.Generator) -> Colour:
    """A colour that cloth may have, drawn at random; many are dark, many are grey."""
    # Squares of uniform numbers: half of all cloth masks are dark.
    colour = rng.uniform(0.10, 0.92, 3) ** 2.4
    # Shops sell muted colours more often than neon.
    muted = 1.0 if rng.random() < 0.15 else float(rng.uniform(0.0, 0.6))
    red, green, blue = (float(v) for v in colour + muted * (colour.mean() - colour))
    return (red, green, blue)


def _linear_table() -> Float32:
    fraction = np.arange(256) / 255
    bent = ((fraction + 0.055) / 1.055) ** 2.4
    return np.where(fraction <= 0.04045, fraction / 12.92, bent).astype(np.float32)


def _srgb_table() -> Float32:
    linear = np.linspace(0, 1, 4096)
    bent = 1.055 * linear ** (1 / 2.4) - 0.055
    return (255 * np.where(linear <= 0.0031308, linear * 12.92, bent)).astype(
        np.float32
    )


# sRGB 0..255 to linear light, and linear light in even steps back to sRGB
# (IEC 61966-2-1).
LINEAR, SRGB = _linear_table(), _srgb_table()
