"""Draws the probe on a card: the photo on a mat, a frame around every face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from index.identification.cards.canvas import Box, Canvas, Colour, text_width
from index.identification.cards.style import MAT, PAPER
from masking.faces.detector import FaceBox
from masking.landmarks import Image

_LABEL_PX = 22


def draw_photo(
    canvas: Canvas,
    place: Box,
    photo: Image,
    boxes: Sequence[FaceBox],
    frames: Mapping[int, Colour],
    labels: Mapping[int, str] | None = None,
) -> None:
    """Fit a photo into a place and frame its faces.

    Args:
        photo: (H, W, 3) uint8 RGB.
        boxes: all faces, photo px.
        frames: colour of the frame of those faces that matter, by number; the
            others get a thin white one.
        labels: what is written beside a framed face, by number.
    """
    left, top, right, bottom = place
    # A wide or tall photo lies on a mat, so that the space around it looks meant.
    canvas.rectangle(place, MAT, 14)
    height, width = photo.shape[:2]
    scale = min((right - left) / width, (bottom - top) / height)
    shown = (width * scale, height * scale)
    x, y = (left + right - shown[0]) / 2, (top + bottom - shown[1]) / 2
    canvas.picture(photo, (x, y, x + shown[0], y + shown[1]), 14)
    placed = [_placed(box, x, y, scale, shown) for box in boxes]
    for number, frame in enumerate(placed):
        if number not in frames:
            canvas.outline(frame, PAPER, 2, 6)
    for number, colour in frames.items():
        one, two, three, four = placed[number]
        # A white rim keeps the frame visible on a dark photo and on a blue one.
        rim = (one - 1.5, two - 1.5, three + 1.5, four + 1.5)
        canvas.outline(rim, PAPER, 8, 8)
        canvas.outline(placed[number], colour, 5, 7)
    for number, label in (labels or {}).items():
        _draw_label(canvas, place, placed[number], label, frames[number])


def _draw_label(
    canvas: Canvas, place: Box, frame: Box, label: str, colour: Colour
) -> None:
    """A tag above the frame, or below it at the upper edge, inside the place."""
    width, height = text_width(label, _LABEL_PX, bold=True) + 16, 32.0
    left = min(max(frame[0], place[0]), place[2] - width)
    top = frame[1] - height - 3
    if top < place[1]:
        top = min(frame[3] + 3, place[3] - height)
    canvas.rectangle((left, top, left + width, top + height), colour, 6)
    middle = (left + 8, top + height / 2)
    canvas.text(middle, label, _LABEL_PX, PAPER, anchor="lm", bold=True)


def _placed(
    box: FaceBox, x: float, y: float, scale: float, shown: tuple[float, float]
) -> Box:
    """The box on the card, cut off where the photo ends, never inside out."""
    left = min(max(box.left * scale, 0), shown[0] - 4)
    top = min(max(box.top * scale, 0), shown[1] - 4)
    right = max(min(box.right * scale, shown[0]), left + 4)
    bottom = max(min(box.bottom * scale, shown[1]), top + 4)
    return x + left, y + top, x + right, y + bottom
