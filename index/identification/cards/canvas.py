"""What cards are drawn with: a canvas, its fonts, and the looks of all cards.

A text is drawn in DejaVu, else in a font of the machine that has all its letters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from masking.files.model_files import font_file
from masking.landmarks import Image

# Nothing is to be seen of them.
_UNSEEN = frozenset({"Cf", "Zs"})
# A font answers it with the sign for letters that it has not.
_NO_LETTER = "\U0010fffe"
# Has boxes for all letters.
_LAST_RESORT = "lastresort"
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

# Drawn at twice the size and shrunk: Pillow does not smooth the edges of shapes.
_FINENESS = 2
_MIN_TEXT = 12
WIDTH_PX, HEIGHT_PX = 1080, 1528
MARGIN = 48.0
BODY_TOP = 168.0
# A find of a lower score may be no face: of 824 photographs without their head 4 of 9
# finds score lower, of 76 really masked faces on backgrounds 8.
LEAST_FACE = 0.8
_RULE_PX = 12.0
_FOOT_LINE_PX = 26.0
# Longer names are broken, so that a phone still shows them.
_LEAST_TITLE = 38

PAPER: Colour = (255, 255, 255)
INK: Colour = (23, 30, 43)
SOFT: Colour = (92, 103, 120)
MAT: Colour = (240, 243, 247)
LINE: Colour = (214, 220, 228)
# Blue and orange stay apart for colour-blind readers, and in grey print the words
# say the same.
SURE: Colour = (17, 94, 163)
UNSURE: Colour = (190, 82, 8)
SURE_ZONE: Colour = (190, 216, 240)


def font_for(text: str, size_px: int, bold: bool) -> ImageFont.FreeTypeFont:
    """The font for a text that `drawable` gave."""
    found = _file_for(frozenset(text), bold) or font_file(bold)
    return _loaded(str(found), size_px)


def drawable(text: str) -> str:
    """The text as it can be drawn in one line.

    Line breaks and halves of letters are replaced. Where no font of this machine has
    all letters, those that DejaVu has not are written as Python does, such as \\u674e.
    """
    text = "".join(
        "\ufffd" if unicodedata.category(letter) in ("Cc", "Cs") else letter
        for letter in text
    )
    if _file_for(frozenset(text), False):
        return text
    plain = str(font_file())
    return "".join(
        letter
        if _draws(plain, letter)
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def has_font(text: str) -> bool:
    """Whether `drawable` leaves all letters as they are that are no line breaks."""
    # A letter is replaced by one, or written as several.
    return len(drawable(text)) == len(text)


@lru_cache(maxsize=1000)
def _file_for(letters: frozenset[str], bold: bool) -> Path | None:
    """None where no font has all the letters."""
    own = font_file(bold)
    if all(_draws(str(own), letter) for letter in letters):
        return own
    for path in _fonts_of_machine(bold):
        if all(_draws(str(path), letter) for letter in letters):
            return path
    return None


@cache
def _fonts_of_machine(bold: bool) -> tuple[Path, ...]:
    """Without serifs first, then of the wanted weight."""
    # Imported only for letters that DejaVu has not: it takes half a second.
    from matplotlib.font_manager import findSystemFonts

    def order(path: Path) -> tuple[bool, bool, str]:
        name = path.name.lower()
        return "sans" not in name, ("bold" in name) is not bold, name

    found = {Path(name) for name in findSystemFonts()}
    usable = [path for path in found if _LAST_RESORT not in path.name.lower()]
    return tuple(sorted(usable, key=order))


@cache
def _draws(path: str, letter: str) -> bool:
    if letter.isascii() or unicodedata.category(letter) in _UNSEEN:
        return True
    try:
        return _glyph(path, letter) != _glyph(path, _NO_LETTER)
    except OSError:
        # A damaged file, or one of coloured pictures, which have one size only.
        return False


def _glyph(path: str, letter: str) -> tuple[tuple[int, int], bytes]:
    # Laid out simply: Raqm sets a circle below a lone accent.
    mask = _loaded(path, 16, ImageFont.Layout.BASIC).getmask(letter)
    return mask.size, bytes(mask)


@cache
def _loaded(
    path: str, size_px: int, layout: ImageFont.Layout | None = None
) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size_px, layout_engine=layout)


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


def draw_band(
    canvas: Canvas, label: str, title: str, aside: tuple[str, str], colour: Colour
) -> None:
    """The headline: a small label, a large title, and a figure with its name.

    Coloured letters below a rule, as a filled band costs ink.
    """
    canvas.rectangle((0, 0, WIDTH_PX, _RULE_PX), colour)
    canvas.text((MARGIN, 56), label, 26, colour, bold=True)
    right = WIDTH_PX - MARGIN
    figure, meaning = aside
    if figure:
        size = 60
        canvas.text((right, 130), figure, size, colour, anchor="rs", bold=True)
        canvas.text((right, 56), meaning, 24, SOFT, anchor="rs")
        right -= text_width(figure, size, bold=True) + 32
    width = right - MARGIN
    if text_width(title, _LEAST_TITLE, bold=True) <= width:
        place = (MARGIN, 132.0)
        canvas.text(place, title, 72, INK, bold=True, width=width)
        return
    lines = two_lines(title, _LEAST_TITLE, width, bold=True, smallest=22)
    for line, baseline in zip(lines, (106.0, 150.0), strict=True):
        place = (MARGIN, baseline)
        canvas.text(
            *(place, line, _LEAST_TITLE, INK),
            bold=True,
            width=width,
            smallest=22,
        )


def draw_foot(canvas: Canvas, lines: Iterable[str], names: Iterable[str]) -> None:
    """Small lines at the lower edge; empty ones are left out.

    Args:
        names: all that the card shows: one may have letters that no font draws.
    """
    told = [line for line in lines if line]
    if not all(map(has_font, names)):
        told.insert(
            0,
            "No font of this machine has all letters of these names: \\u... stands for "
            "one. Install one that has, such as Noto Sans.",
        )
    top = HEIGHT_PX - 20 - _FOOT_LINE_PX * (len(told) - 1)
    for place, line in enumerate(told):
        below = (MARGIN, top + _FOOT_LINE_PX * place)
        canvas.text(below, line, 19, SOFT, width=WIDTH_PX - 2 * MARGIN)
