"""Size, colours, headline and foot that all cards share."""

from __future__ import annotations

from collections.abc import Iterable

from index.identification.cards.canvas import Canvas, Colour, text_width, two_lines
from index.identification.cards.fonts import has_font

WIDTH_PX, HEIGHT_PX = 1080, 1528
MARGIN = 48.0
BODY_TOP = 168.0
# A find of a lower score is hardly a face: of photographs of one face, 1 to 3 in 120
# score lower (LFW, RMFRD), 0 of MFR2.
LEAST_FACE = 0.7
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
