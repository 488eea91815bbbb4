"""Text, pictures and shapes of a result card, in card units."""

from __future__ import annotations

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from index.identification.cards.fonts import drawable, font_for
from masking.landmarks import Image

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

# Drawn at twice the size and shrunk: Pillow does not smooth the edges of shapes.
_FINENESS = 2
_MIN_TEXT = 12


class Canvas:
    """A card being drawn; all positions and sizes are in px of the finished card."""

    def __init__(self, width: int, height: int, ground: Colour):
        size = (width * _FINENESS, height * _FINENESS)
        self._picture = Pillow.new("RGB", size, ground)
        self._draw = ImageDraw.Draw(self._picture)

    def pixels(self) -> Image:
        """(height, width, 3) uint8 RGB."""
        import numpy as np

        return np.array(self._picture.reduce(_FINENESS))

    def rectangle(self, box: Box, fill: Colour, radius: float = 0.0) -> None:
        """A filled rectangle (left, top, right, bottom) with round corners."""
        self._draw.rounded_rectangle(
            [v * _FINENESS for v in box], radius * _FINENESS, fill
        )

    def outline(self, box: Box, colour: Colour, width: float, radius: float) -> None:
        """The rim of a rectangle with round corners."""
        self._draw.rounded_rectangle(
            [v * _FINENESS for v in box],
            radius * _FINENESS,
            outline=colour,
            width=round(width * _FINENESS),
        )

    def polygon(self, points: list[tuple[float, float]], fill: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * _FINENESS, y * _FINENESS) for x, y in points], fill)

    def picture(self, pixels: Image, box: Box, radius: float) -> None:
        """A picture stretched to a box, its corners rounded."""
        left, top, right, bottom = (round(v * _FINENESS) for v in box)
        size = (max(1, right - left), max(1, bottom - top))
        ready = Pillow.fromarray(pixels).resize(
            size, Pillow.Resampling.BICUBIC, reducing_gap=3.0
        )
        stencil = Pillow.new("L", size, 0)
        ImageDraw.Draw(stencil).rounded_rectangle(
            (0, 0, size[0] - 1, size[1] - 1), radius * _FINENESS, 255
        )
        self._picture.paste(ready, (left, top), stencil)

    def text(
        self,
        position: tuple[float, float],
        text: str,
        size: float,
        colour: Colour,
        anchor: str = "ls",
        bold: bool = False,
        width: float | None = None,
        smallest: float = _MIN_TEXT,
    ) -> None:
        """One line of text.

        Args:
            position: of the anchor, Pillow's code ("ls" is left on the baseline).
            size: of the letters; made smaller, down to `smallest`, then cut short,
                to fit `width`.
        """
        text = drawable(text)
        while width is not None and size > smallest and _wide(text, size, bold, width):
            size -= 1
        if width is not None and _wide(text, size, bold, width):
            while text and _wide(text + "…", size, bold, width):
                text = text[:-1]
            text = text.rstrip() + "…"
        place = (position[0] * _FINENESS, position[1] * _FINENESS)
        self._draw.text(place, text, colour, _font(text, size, bold), anchor)


def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide one line is, px of the finished card."""
    text = drawable(text)
    return float(_font(text, size, bold).getlength(text)) / _FINENESS


def two_lines(
    text: str,
    size: float,
    width: float,
    bold: bool = False,
    smallest: float | None = None,
) -> tuple[str, str]:
    """The text as what fits into a line, and the rest, "" where all of it fits.

    It is broken at a blank or behind a hyphen if it can be, and inside a word only
    where that does not fit in letters of `smallest` either.
    """
    text = drawable(text)
    if not _wide(text, size, bold, width):
        return text, ""
    fits = 1
    while not _wide(text[: fits + 1], size, bold, width):
        fits += 1
    end = max(text.rfind(" ", 1, fits + 1), text.rfind("-", 1, fits) + 1)
    if end <= 0:
        rest = text[fits:]
        stops = (rest.find(" "), rest.find("-") + 1, len(rest))
        end = fits + min(stop for stop in stops if stop > 0)
        if _wide(text[:end], smallest or size, bold, width):
            end = fits
    return text[:end], text[end:].lstrip()


def _wide(text: str, size: float, bold: bool, width: float) -> bool:
    return text_width(text, size, bold) > width


def _font(text: str, size: float, bold: bool) -> ImageFont.FreeTypeFont:
    return font_for(text, round(size * _FINENESS), bold)


def percent(fraction: float) -> str:
    """A probability as people read it; never a certain one."""
    return (
        "over 99%"
        if fraction > 0.99
        else f"{fraction:.0%}"
        if fraction >= 0.01
        else "<1%"
    )
