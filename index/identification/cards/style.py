"""Size, colours and the headline that all cards fraction."""

from __future__ import annotations

from index.identification.cards.canvas import Canvas, Colour, text_width, two_lines

WIDTH_PX, HEIGHT_PX = 1080, 1528
MARGIN = 48.0
BAND_PX = 168.0
# Longer names are broken, so that a phone still shows them.
_LEAST_TITLE = 38

PAPER: Colour = (255, 255, 255)
INK: Colour = (23, 30, 43)
SOFT: Colour = (92, 103, 120)
MAT: Colour = (226, 231, 238)
LINE: Colour = (214, 220, 228)
# Blue and orange stay apart for colour-blind readers, and in grey print the words
# say the same.
SURE: Colour = (17, 94, 163)
UNSURE: Colour = (190, 82, 8)
SURE_ZONE: Colour = (190, 216, 240)


def draw_band(
    canvas: Canvas, label: str, title: str, aside: tuple[str, str], colour: Colour
) -> None:
    """The headline: a small label, a large title, and a figure with its name."""
    canvas.rectangle((0, 0, WIDTH_PX, BAND_PX), colour)
    canvas.text((MARGIN, 56), label, 26, PAPER, bold=True)
    right = WIDTH_PX - MARGIN
    figure, meaning = aside
    if figure:
        size = 60
        canvas.text((right, 130), figure, size, PAPER, anchor="rs", bold=True)
        canvas.text((right, 56), meaning, 24, PAPER, anchor="rs")
        right -= text_width(figure, size, bold=True) + 32
    width = right - MARGIN
    if text_width(title, _LEAST_TITLE, bold=True) <= width:
        place = (MARGIN, 132.0)
        canvas.text(place, title, 72, PAPER, bold=True, width=width)
        return
    lines = two_lines(title, _LEAST_TITLE, width, bold=True)
    for line, baseline in zip(lines, (106.0, 150.0), strict=True):
        place = (MARGIN, baseline)
        canvas.text(
            *(place, line, _LEAST_TITLE, PAPER),
            bold=True,
            width=width,
            smallest=_LEAST_TITLE,
        )
