"""The picture of all answers to one photo: every face framed, numbered and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.calibration.thresholds import shown
from index.identification.cards.canvas import (
    BODY_TOP,
    HEIGHT_PX,
    INK,
    LEAST_FACE,
    MARGIN,
    PAPER,
    SOFT,
    SURE,
    UNSURE,
    WIDTH_PX,
    Canvas,
    Colour,
    draw_band,
    draw_foot,
    percent,
    two_lines,
)
from index.identification.cards.result_card import draw_photo
from masking.landmarks import FaceBox, Image

# Of photo and list together, with the photo's name between them.
_BOTTOM, _CAPTION_PX = 1436.0, 70.0
_ROOM = WIDTH_PX - 2 * MARGIN
_HIGHEST_PHOTO, _LISTED = 700.0, 12
# In one column while rows are so high, else in two.
_HIGH_ROW_PX = 110.0
_LARGEST_THUMB, _WIDEST_THUMB = 300.0, 0.4


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
    photo: Image,
    photo_name: str,
    notes: Sequence[str],
    faces: Sequence[OverviewFace],
) -> Image:
    """(HEIGHT_PX, WIDTH_PX, 3) uint8 RGB.

    Args:
        photo: (H, W, 3) uint8 RGB.
        notes: lines for the foot.
        faces: all of the photo, in the order of their cards.
    """
    canvas = Canvas(WIDTH_PX, HEIGHT_PX, PAPER)
    named = sum(len(face.names) == 1 for face in faces)
    title = f"{named} of {len(faces)} named"
    colour = SURE if named == len(faces) else UNSURE
    draw_band(canvas, f"{len(faces)} FACES", title, ("", ""), colour)
    height, width = photo.shape[:2]
    bottom = BODY_TOP + min(_HIGHEST_PHOTO, max(_ROOM * height / width, 40.0))
    place = (MARGIN, BODY_TOP, WIDTH_PX - MARGIN, bottom)
    colours = {number: _colour(face) for number, face in enumerate(faces)}
    labels = {
        number: (f"{number + 1} {face.answer}", f"{number + 1}")
        for number, face in enumerate(faces)
    }
    draw_photo(canvas, place, photo, [face.box for face in faces], colours, labels)
    below = (MARGIN, bottom + 38)
    canvas.text(below, photo_name, 24, INK, bold=True, width=_ROOM, smallest=20)
    _draw_list(canvas, bottom + _CAPTION_PX, faces)
    names = [name for face in faces for name in (*face.names, face.nearest)]
    draw_foot(canvas, notes, [photo_name, *names])
    return canvas.pixels()


def _draw_list(canvas: Canvas, top: float, faces: Sequence[OverviewFace]) -> None:
    """All faces down to the foot, in rows as high as there is room."""
    shown = min(len(faces), _LISTED)
    columns = 1 if (_BOTTOM - top) / shown >= _HIGH_ROW_PX else 2
    rows = -(-shown // columns)
    size = (_ROOM / columns, (_BOTTOM - top) / rows)
    for number, face in enumerate(faces[:shown]):
        column, row = divmod(number, rows)
        corner = (MARGIN + column * size[0], top + row * size[1])
        if number == shown - 1 and shown < len(faces):
            # The last place says how many are left.
            rest = f"and {len(faces) - shown + 1} more faces, with a card each"
            middle = (corner[0] + 48, corner[1] + size[1] / 2)
            canvas.text(middle, rest, 22, SOFT, anchor="lm", width=size[0] - 68)
        else:
            _draw_row(canvas, corner, size, number, face)


def _draw_row(
    canvas: Canvas,
    corner: tuple[float, float],
    size: tuple[float, float],
    number: int,
    face: OverviewFace,
) -> None:
    colour = _colour(face)
    side = min(size[1] - 14, _LARGEST_THUMB, _WIDEST_THUMB * size[0])
    left, top = corner[0] + 52, corner[1]
    middle = top + side / 2
    place = (corner[0] + 38, middle)
    canvas.text(place, f"{number + 1}", 26, colour, anchor="rm", bold=True)
    canvas.picture(face.chip, (left, top, left + side, top + side), 10)
    canvas.outline((left, top, left + side, top + side), colour, 3, 10)
    text, room = left + side + 20, corner[0] + size[0] - (left + side + 36)
    one, two = two_lines(face.answer, 24, room, bold=True, smallest=15)
    base = middle - (16 if two else 6)
    for line, y in ((one, base), (two, base + 25)):
        size_px = 23 if two else 32
        spot = (text, y)
        canvas.text(spot, line, size_px, INK, bold=True, width=room, smallest=15)
    spot = (text, base + (49 if two else 34))
    canvas.text(spot, _detail(face), 20, SOFT, width=room, smallest=15)


def _detail(face: OverviewFace) -> str:
    score = f"score {shown(face.score)}"
    if not face.names and face.box.score < LEAST_FACE:
        return "hardly a face"
    if not face.nearest:
        return ""
    if not face.names:
        return f"nearest is {face.nearest}, {shown(face.score)}"
    if len(face.names) > 1:
        return f"too alike to tell · {score}"
    if face.probability is not None:
        return f"{percent(face.probability)} · {score}"
    return score


def _colour(face: OverviewFace) -> Colour:
    return SURE if len(face.names) == 1 else UNSURE
