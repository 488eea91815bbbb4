"""Draws the probe on a card: the photo on a mat, a frame around every face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from index.identification.cards.canvas import Box, Canvas, Colour, text_width
from index.identification.cards.style import MAT, PAPER
from masking.faces.detector import FaceBox
from masking.landmarks import Image

_LABEL_PX, _TAG_PX = 22, 32.0
_KEPT_PX = _TAG_PX + 6


def draw_photo(
    canvas: Canvas,
    place: Box,
    photo: Image,
    boxes: Sequence[FaceBox],
    frames: Mapping[int, Colour],
    labels: Mapping[int, Sequence[str]] | None = None,
) -> None:
    """Fit a photo into a place and frame its faces.

    Args:
        photo: (H, W, 3) uint8 RGB.
        boxes: all faces, photo px.
        frames: colour of the frame of those faces that matter, by number; the
            others get a thin white one.
        labels: what is written beside a framed face, by number: the first that has
            room, else the last.
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
    picture = (x, y, x + shown[0], y + shown[1])
    # Room above and below each face is its own label's.
    kept = [(one[0], one[1] - _KEPT_PX, one[2], one[3] + _KEPT_PX) for one in placed]
    taken: list[Box] = []
    for number, texts in (labels or {}).items():
        others = [*taken, *kept[:number], *kept[number + 1 :]]
        tag, text = _tag(placed[number], texts, picture, others)
        taken.append(tag)
        canvas.rectangle(tag, frames[number], 6)
        middle = (tag[0] + 8, (tag[1] + tag[3]) / 2)
        canvas.text(middle, text, _LABEL_PX, PAPER, anchor="lm", bold=True)


def _tag(
    frame: Box, texts: Sequence[str], picture: Box, taken: Sequence[Box]
) -> tuple[Box, str]:
    """Where a label stands, and which: above or below its frame, inside the picture.

    Covers no face and no other label, but for the last text where nothing is free:
    that one stands in a corner of its own frame.
    """
    for text in texts:
        width = text_width(text, _LABEL_PX, bold=True) + 16
        lefts = (frame[0], (frame[0] + frame[2] - width) / 2, frame[2] - width)
        for top in (frame[1] - _TAG_PX - 3, frame[3] + 3):
            for left in lefts:
                tag = (left, top, left + width, top + _TAG_PX)
                if _holds(picture, tag) and not any(_meet(tag, one) for one in taken):
                    return tag, text
    return (frame[0], frame[1], frame[0] + width, frame[1] + _TAG_PX), text


def _holds(outer: Box, inner: Box) -> bool:
    starts = outer[0] <= inner[0] and outer[1] <= inner[1]
    return starts and inner[2] <= outer[2] and inner[3] <= outer[3]


def _meet(one: Box, other: Box) -> bool:
    beside = one[2] <= other[0] or other[2] <= one[0]
    return not beside and one[1] < other[3] and other[1] < one[3]


def _placed(
    box: FaceBox, x: float, y: float, scale: float, shown: tuple[float, float]
) -> Box:
    """The box on the card, cut off where the photo ends, never inside out."""
    left = min(max(box.left * scale, 0), shown[0] - 4)
    top = min(max(box.top * scale, 0), shown[1] - 4)
    right = max(min(box.right * scale, shown[0]), left + 4)
    bottom = max(min(box.bottom * scale, shown[1]), top + 4)
    return x + left, y + top, x + right, y + bottom
