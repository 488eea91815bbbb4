"""The picture of all answers to one photo: every face framed, numbered and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.calibration.score import shown
from index.identification.cards.canvas import Canvas, Colour, percent
from index.identification.cards.photo_panel import draw_photo
from index.identification.cards.style import (
    HEIGHT_PX,
    INK,
    MARGIN,
    PAPER,
    SOFT,
    SURE,
    UNSURE,
    WIDTH_PX,
    draw_band,
)
from masking.faces.detector import FaceBox
from masking.landmarks import Image

_PHOTO_BOTTOM = 942.0
_LIST_TOP = 1012.0
_COLUMNS, _ROWS = 2, 5
_ROW_PX, _THUMB = 96.0, 80.0


@dataclass(frozen=True, eq=False)
class OverviewFace:
    """One face of the photo and who it is.

    Attributes:
        box: photo px.
        chip: (S, S, 3) uint8 RGB, aligned.
        names: of the accepted people; none means unknown, several that it is one.
        answer: these names in words.
        nearest: the person of the highest score; "" when nobody was compared.
        score: theirs.
        probability: that theirs is the right name; None when not calibrated.
    """

    box: FaceBox
    chip: Image
    names: tuple[str, ...]
    answer: str
    nearest: str
    score: float
    probability: float | None = None


def draw_overview(
    photo: Image, photo_name: str, note: str, faces: Sequence[OverviewFace]
) -> Image:
    """(HEIGHT_PX, WIDTH_PX, 3) uint8 RGB.

    Args:
        photo: (H, W, 3) uint8 RGB.
        note: one line on where the threshold comes from.
        faces: all of the photo, in the order of their cards.
    """
    canvas = Canvas(WIDTH_PX, HEIGHT_PX, PAPER)
    named = sum(len(face.names) == 1 for face in faces)
    title = f"{named} of {len(faces)} named"
    colour = SURE if named == len(faces) else UNSURE
    draw_band(canvas, f"{len(faces)} FACES", title, ("", ""), colour)
    place = (MARGIN, 192.0, WIDTH_PX - MARGIN, _PHOTO_BOTTOM)
    colours = {number: _colour(face) for number, face in enumerate(faces)}
    listed = _COLUMNS * _ROWS
    labels = {
        number: f"{number + 1} {face.answer}"
        if len(faces) <= listed
        else f"{number + 1}"
        for number, face in enumerate(faces)
    }
    boxes = [face.box for face in faces]
    draw_photo(canvas, place, photo, boxes, colours, labels)
    room = WIDTH_PX - 2 * MARGIN
    below = (MARGIN, _PHOTO_BOTTOM + 38)
    canvas.text(below, photo_name, 24, INK, bold=True, width=room, smallest=20)
    # The last place says how many are left when there are more.
    shown = len(faces) if len(faces) <= listed else listed - 1
    for number, face in enumerate(faces[:shown]):
        _draw_row(canvas, number, face)
    if shown < len(faces):
        x, y = _corner(shown)
        rest = f"and {len(faces) - shown} more faces, with a card each"
        canvas.text((x, y + 50), rest, 22, SOFT, width=room / _COLUMNS - 20)
    canvas.text((MARGIN, HEIGHT_PX - 22.0), note, 19, SOFT, width=room)
    return canvas.pixels()


def _draw_row(canvas: Canvas, number: int, face: OverviewFace) -> None:
    x, y = _corner(number)
    colour = _colour(face)
    canvas.text((x + 34, y + 52), f"{number + 1}", 26, colour, anchor="rs", bold=True)
    left = x + 48
    canvas.picture(face.chip, (left, y, left + _THUMB, y + _THUMB), 10)
    canvas.outline((left, y, left + _THUMB, y + _THUMB), colour, 3, 10)
    text, room = left + _THUMB + 16, 484.0 - 48 - _THUMB - 32
    canvas.text(
        (text, y + 34), face.answer, 28, INK, bold=True, width=room, smallest=21
    )
    detail = f"score {shown(face.score)}"
    if not face.names and face.nearest:
        detail = f"nearest is {face.nearest}, {shown(face.score)}"
    elif len(face.names) > 1:
        detail = f"too alike to tell · {detail}"
    elif face.probability is not None:
        detail = f"{percent(face.probability)} · {detail}"
    if face.nearest:
        canvas.text((text, y + 66), detail, 21, SOFT, width=room, smallest=18)


def _corner(number: int) -> tuple[float, float]:
    """Top left of a row, down the first column and then the second."""
    column, row = divmod(number, _ROWS)
    width = (WIDTH_PX - 2 * MARGIN) / _COLUMNS
    return MARGIN + column * width, _LIST_TOP + row * _ROW_PX


def _colour(face: OverviewFace) -> Colour:
    return SURE if len(face.names) == 1 else UNSURE
