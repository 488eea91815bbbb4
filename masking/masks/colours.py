"""Colours and prints of what people wear on their faces, and the dice that draw them.

Dice are random numbers of many things at once, those of each tied to its own name.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32

Colour = tuple[float, float, float]

# Reflectance in linear light, (R, G, B) in [0, 1], and how often shops sell it.
_Palette = tuple[tuple[Colour, float], ...]
_MEDICAL: _Palette = (
    ((0.49, 0.73, 0.86), 0.12),
    ((0.53, 0.71, 0.86), 0.18),
    ((0.39, 0.62, 0.85), 0.12),
    ((0.22, 0.42, 0.76), 0.04),
    ((0.79, 0.815, 0.85), 0.34),
    ((0.67, 0.67, 0.73), 0.04),
    ((0.034, 0.035, 0.041), 0.09),
    ((0.28, 0.54, 0.44), 0.04),
    ((0.76, 0.50, 0.60), 0.03),
)
_RESPIRATOR: _Palette = (
    ((0.85, 0.86, 0.87), 0.45),
    ((0.76, 0.78, 0.80), 0.23),
    ((0.030, 0.030, 0.034), 0.22),
    ((0.40, 0.42, 0.45), 0.10),
)
_CLOTH: _Palette = (
    ((0.022, 0.022, 0.025), 0.36),
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
    "words": 0.09,
}
_FASHION = 0.05
_PITCHES = (0.06, 0.22), (0.22, 0.45)
# A hand is rendered in the colour of the face's own skin.
_OWN_COLOURS = {"shield": (0.75, 0.78, 0.80), "hand": (0.42, 0.27, 0.20)}
_UNPRINTED = ("shield", "hand", "sunglasses", *_PRINTED)


@dataclass(frozen=True, eq=False)
class FabricLooks:
    """Reflectance of N fabrics, of their prints, and which prints they are.

    Attributes:
        colour, second: (N, 3) linear light.
        print_names: (N,) of strings.
        pitch: (N,) period of the print, face squares.
    """

    colour: Float64
    second: Float64
    print_names: NDArray[np.str_]
    pitch: Float64


def draw_looks(dice: Dice, kinds: NDArray[np.str_]) -> FabricLooks:
    """Colours and prints of (N,) kinds of things, drawn at random."""
    printed = one_of(kinds, _PRINTED)
    # Fashion sells every kind in every colour, though seldom.
    fashion = dice.chance(_FASHION) & ~one_of(kinds, _UNPRINTED)
    cloth, second, bright = _cloth(dice), _cloth(dice), any_colours(dice)
    shop = _shades(dice, (_MEDICAL, _RESPIRATOR), np.where(kinds == "surgical", 0, 1))
    colour = np.where(fashion[:, None], bright, shop)
    colour = np.where(printed[:, None], cloth, colour)
    for kind, own in _OWN_COLOURS.items():
        colour[kinds == kind] = own
    lenses = dice.uniform(0.004, 0.05)[:, None] * dice.colours(0.6, 1.0)
    colour = np.where((kinds == "sunglasses")[:, None], lenses, colour)
    second = np.where((printed | fashion)[:, None], _told(second, colour), colour)
    return FabricLooks(colour, second, *_prints(dice, printed, fashion))


def _told(second: Float64, colour: Float64) -> Float64:
    """(N, 3) colours of prints that are there to be seen on those of fabrics."""
    level = colour.sum(axis=1, keepdims=True)
    alike = np.abs(second.sum(axis=1, keepdims=True) - level) < _CONTRAST
    return np.where(alike, np.where(level > 0.6, _INK, _PAPER), second)


def _prints(
    dice: Dice, printed: NDArray[np.bool_], fashion: NDArray[np.bool_]
) -> tuple[NDArray[np.str_], Float64]:
    """Names, plain where nothing is printed, and pitches of N fabrics."""
    names, fractions = np.array(list(_PRINT_FRACTIONS)), [*_PRINT_FRACTIONS.values()]
    (roll,) = dice.rolls(1)
    index = np.where(fashion, 1 + (roll * (len(names) - 1)).astype(int), 0)
    found = names[np.where(printed, chosen(roll, fractions), index)]
    small, letters = _PITCHES
    # Letters are larger than dots.
    (far,) = dice.rolls(1)
    low, high = np.where((found == "words")[:, None], letters, small).T
    pitch = np.where(printed | fashion, low + (high - low) * far, 0.1)
    return found, pitch


def _cloth(dice: Dice) -> Float64:
    known = dice.chance(_FROM_PALETTE)[:, None]
    every = np.zeros(len(known), dtype=np.int64)
    return np.where(known, _shades(dice, (_CLOTH,), every), any_colours(dice))


def _shades(
    dice: Dice, palettes: tuple[_Palette, ...], which: NDArray[np.int64]
) -> Float64:
    """(N, 3) colours of the palettes `which` says, a little lighter or darker."""
    (roll,) = dice.rolls(1)
    bases = []
    for palette in palettes:
        colours, fractions = zip(*palette, strict=True)
        bases.append(np.array(colours)[chosen(roll, fractions)])
    base = np.stack(bases)[which, np.arange(len(which))]
    bleached = base * dice.uniform(0.85, 1.2)[:, None] * dice.colours(0.95, 1.05)
    return np.clip(bleached, 0.008, 0.88)


def one_of(kinds: NDArray[np.str_], names: Sequence[str]) -> NDArray[np.bool_]:
    """(N,) true where a kind is one of the names: np.isin takes longer to begin."""
    return np.asarray(np.logical_or.reduce([kinds == name for name in names]))


def any_colours(dice: Dice) -> Float64:
    """(N, 3) colours that cloth may have; many are dark, many are grey."""
    # Squares of uniform numbers: half of all cloth masks are dark.
    colour = dice.colours(0.10, 0.92) ** 2.4
    # Shops sell muted colours more often than neon.
    grey, muted = dice.chance(0.15), dice.uniform(0.0, 0.6)
    muted = np.where(grey, 1.0, muted)[:, None]
    return np.asarray(colour + muted * (colour.mean(axis=1, keepdims=True) - colour))


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


Float64 = NDArray[np.float64]
_STEP = np.uint64(0x9E3779B97F4A7C15)


def rolls_of(seed: int, names: Sequence[str], count: int) -> Float64:
    """(N, `count`) uniform numbers in [0, 1): each row depends on its name alone.

    A tenth of the time of N generators of numpy's.

    Source: Steele et al., "Fast splittable pseudorandom number generators", OOPSLA
    2014 (SplitMix64), counted instead of stepped.
    """
    own = np.array([name_number(name) for name in names], dtype=np.uint64)
    first = _mixed(np.array([seed % 2**64], dtype=np.uint64)) + own
    places = np.arange(1, count + 1, dtype=np.uint64) * _STEP
    rolls = _mixed(_mixed(first)[:, None] + places) >> np.uint64(11)
    return np.asarray(rolls.astype(np.float64) * 2.0**-53)


def name_number(name: str) -> int:
    """A number that depends on nothing but the name."""
    # File names may hold bytes that are no UTF-8; Python escapes them so.
    return zlib.crc32(name.encode("utf-8", "surrogatepass"))


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The bits, written to."""
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


class Dice:
    """Rolls of N things, used up column by column whatever they are used for.

    So what one thing gets does not depend on what the others are.
    """

    def __init__(self, rolls: Float64) -> None:
        """
        Args:
            rolls: (N, M) in [0, 1); M is at least what is asked for.
        """
        self._columns, self._next = np.ascontiguousarray(rolls.T), 0

    def rolls(self, count: int) -> Float64:
        """(`count`, N) in [0, 1)."""
        start, self._next = self._next, self._next + count
        return self._columns[start : self._next]

    def uniform(self, low: float, high: float) -> Float64:
        """(N,) in [low, high)."""
        return np.asarray(low + (high - low) * self.rolls(1)[0])

    def colours(self, low: float, high: float) -> Float64:
        """(N, 3) in [low, high)."""
        return np.asarray(low + (high - low) * self.rolls(3).T)

    def chance(self, fraction: float) -> NDArray[np.bool_]:
        """(N,) true with that probability."""
        return np.asarray(self.rolls(1)[0] < fraction)

    def sign(self) -> Float64:
        """(N,) -1 or 1."""
        return np.where(self.chance(0.5), -1.0, 1.0)

    def index(self, count: int) -> NDArray[np.int64]:
        """(N,) in 0 .. count - 1, all alike."""
        return np.asarray((self.rolls(1)[0] * count).astype(np.int64))

    def normal(self, sigma: float) -> Float64:
        """(N,) about 0.

        Source: Box & Muller, Ann. Math. Stat. 1958.
        """
        far, angle = self.rolls(2)
        return np.asarray(
            sigma * np.sqrt(-2 * np.log1p(-far)) * np.cos(2 * np.pi * angle)
        )


def chosen(rolls: Float64, fractions: Sequence[float]) -> NDArray[np.int64]:
    """(N,) index of the fraction that each roll falls into; the last takes the rest."""
    ends = np.cumsum(fractions[:-1])
    return np.asarray(np.searchsorted(ends, rolls, side="right"))
