"""The picture that explains an answer: probe, evidence, score and alternatives."""

from __future__ import annotations

from dataclasses import dataclass

from index.card_drawing import Box, Canvas, Colour, text_width
from masking.face_detection import FaceBox
from masking.landmarks import Image

WIDTH_PX, HEIGHT_PX = 1200, 800
# The best one large, the next four small.
CARD_CANDIDATES = 5

_GROUND: Colour = (238, 241, 245)
_PAPER: Colour = (255, 255, 255)
_INK: Colour = (23, 30, 43)
_SOFT: Colour = (92, 103, 120)
_MAT: Colour = (226, 231, 238)
_LINE: Colour = (214, 220, 228)
# Blue and orange stay apart for colour-blind readers, and in grey print the words
# say the same.
_YES: Colour = (17, 94, 163)
_NO: Colour = (190, 82, 8)
_YES_ZONE: Colour = (190, 216, 240)

_MARGIN = 32.0
_LEFT: Box = (_MARGIN, _MARGIN, 500.0, HEIGHT_PX - _MARGIN)
_RIGHT: Box = (524.0, _MARGIN, WIDTH_PX - _MARGIN, HEIGHT_PX - _MARGIN)
_INNER_LEFT, _INNER_RIGHT = _RIGHT[0] + 32, _RIGHT[2] - 32


@dataclass(frozen=True, eq=False)
class CardCandidate:
    """A person of the gallery with the photo that is nearest to the probe.

    Attributes:
        name: as enrolled.
        distance: to the person's template.
        chip: (S, S, 3) uint8 RGB.
    """

    name: str
    distance: float
    chip: Image


@dataclass(frozen=True, eq=False)
class CardContent:
    """Everything a card shows.

    Attributes:
        photo: (H, W, 3) uint8 RGB, the probe.
        photo_name: its file name.
        boxes: all faces in it, photo px.
        face: which of them the card is about, from 0.
        chip: (S, S, 3) uint8 RGB, that face aligned.
        name: the accepted person; None means unknown.
        candidates: the nearest first, up to CARD_CANDIDATES.
        threshold: the nearest is accepted when its distance is below it.
        metric: of the distances.
        note: one line on where the threshold comes from.
        seconds: from reading the photo to the decision.
    """

    photo: Image
    photo_name: str
    boxes: tuple[FaceBox, ...]
    face: int
    chip: Image
    name: str | None
    candidates: tuple[CardCandidate, ...]
    threshold: float
    metric: str
    note: str
    seconds: float


def draw_card(content: CardContent) -> Image:
    """(HEIGHT_PX, WIDTH_PX, 3) uint8 RGB."""
    canvas = Canvas(WIDTH_PX, HEIGHT_PX, _GROUND)
    canvas.rectangle(_LEFT, _PAPER, 18)
    canvas.rectangle(_RIGHT, _PAPER, 18)
    _draw_probe(canvas, content)
    _draw_answer(canvas, content)
    _draw_evidence(canvas, content)
    if content.candidates:
        _draw_score(canvas, content)
    _draw_alternatives(canvas, content)
    canvas.text(
        (_INNER_LEFT, _RIGHT[3] - 20),
        content.note,
        13,
        _SOFT,
        width=_INNER_RIGHT - _INNER_LEFT,
    )
    return canvas.pixels()


def _draw_probe(canvas: Canvas, content: CardContent) -> None:
    left, top, right, bottom = _LEFT
    width, height = right - left - 40, bottom - top - 118
    photo_height, photo_width = content.photo.shape[:2]
    # A wide or tall photo lies on a mat, so that the space around it looks meant.
    canvas.rectangle((left + 20, top + 20, right - 20, top + 20 + height), _MAT, 10)
    scale = min(width / photo_width, height / photo_height)
    shown = (photo_width * scale, photo_height * scale)
    x, y = (left + right - shown[0]) / 2, top + 20 + (height - shown[1]) / 2
    canvas.picture(content.photo, (x, y, x + shown[0], y + shown[1]), 10)
    accent = _accent(content)
    others = [b for i, b in enumerate(content.boxes) if i != content.face]
    for box in others:
        canvas.outline(_placed(box, x, y, scale, shown), _PAPER, 2, 6)
    frame = _placed(content.boxes[content.face], x, y, scale, shown)
    # A white rim keeps the frame visible on a dark photo and on a blue one.
    rim = (frame[0] - 1.5, frame[1] - 1.5, frame[2] + 1.5, frame[3] + 1.5)
    canvas.outline(rim, _PAPER, 7, 8)
    canvas.outline(frame, accent, 4, 7)
    x, room = left + 24, right - left - 48
    place = (x, bottom - 52)
    canvas.text(place, content.photo_name, 18, _INK, bold=True, width=room)
    count = len(content.boxes)
    which = f"Face {content.face + 1} of {count}" if count > 1 else "One face"
    line = f"{which} · answered in {content.seconds:.2f} s"
    canvas.text((x, bottom - 24), line, 15, _SOFT, width=room)


def _draw_answer(canvas: Canvas, content: CardContent) -> None:
    label = "MATCH" if content.name is not None else "NO MATCH"
    top = _RIGHT[1] + 28
    accent = _accent(content)
    width = text_width(label, 16, bold=True) + 32
    canvas.rectangle((_INNER_LEFT, top, _INNER_LEFT + width, top + 30), accent, 15)
    middle = (_INNER_LEFT + width / 2, top + 15)
    canvas.text(middle, label, 16, _PAPER, anchor="mm", bold=True)
    name = "unknown" if content.name is None else content.name
    canvas.text(
        (_INNER_LEFT, top + 88),
        name,
        52,
        accent if content.name is None else _INK,
        bold=True,
        width=_INNER_RIGHT - _INNER_LEFT,
    )


def _draw_evidence(canvas: Canvas, content: CardContent) -> None:
    top, side = _RIGHT[1] + 142, 176.0
    left = _INNER_LEFT
    canvas.picture(content.chip, (left, top, left + side, top + side), 10)
    canvas.text((left, top + side + 22), "This face, aligned", 14, _SOFT)
    if not content.candidates:
        return
    best = content.candidates[0]
    middle = left + side + 24
    canvas.picture(best.chip, (middle, top, middle + side, top + side), 10)
    canvas.outline((middle, top, middle + side, top + side), _accent(content), 4, 10)
    # The name matters most when it was not accepted and stands nowhere else.
    caption = f"Nearest: {best.name}"
    canvas.text((middle, top + side + 22), caption, 14, _SOFT, width=side)
    text_left = middle + side + 24
    room = _INNER_RIGHT - text_left
    distance, threshold = _numbers(content)
    metric = content.metric.capitalize()
    canvas.text((text_left, top + 22), metric, 15, _SOFT, width=room)
    canvas.text((text_left, top + 42), "distance", 15, _SOFT)
    canvas.text(
        (text_left, top + 96), distance, 50, _accent(content), bold=True, width=room
    )
    accepted = content.name is not None
    comparison = f"{'below' if accepted else 'not below'} {threshold}:"
    canvas.text((text_left, top + 132), comparison, 15, _INK, width=room)
    meaning = "accepted" if accepted else "not accepted"
    canvas.text((text_left, top + 154), meaning, 15, _INK, bold=True, width=room)


def _draw_score(canvas: Canvas, content: CardContent) -> None:
    best = content.candidates[0]
    top, left, right = _RIGHT[1] + 388, _INNER_LEFT, _INNER_RIGHT
    # At least to 1, so that cards look alike unless a face is far off.
    end = max(1.0, 1.1 * best.distance, 1.4 * content.threshold)

    def across(distance: float) -> float:
        return left + (right - left) * distance / end

    tick, mark = across(content.threshold), across(best.distance)
    canvas.rectangle((left, top, right, top + 16), _LINE, 8)
    canvas.rectangle((left, top, max(tick, left + 16), top + 16), _YES_ZONE, 8)
    canvas.rectangle((tick - 10, top, tick, top + 16), _YES_ZONE)
    canvas.rectangle((tick - 1.5, top - 8, tick + 1.5, top + 24), _INK)
    canvas.rectangle((mark - 11, top - 3, mark + 11, top + 19), _PAPER, 11)
    canvas.rectangle((mark - 9, top - 1, mark + 9, top + 17), _accent(content), 9)
    shown_distance, shown_threshold = _numbers(content)
    label = f"threshold {shown_threshold}"
    half = text_width(label, 13) / 2
    middle = min(max(tick, left + half), right - half)
    canvas.text((middle, top - 14), label, 13, _INK, anchor="ms")
    line = (
        f"{content.metric.capitalize()} distance {shown_distance}, accepted below "
        f"{shown_threshold}; lower is closer"
    )
    canvas.text((left, top + 48), line, 16, _INK, width=right - left)


def _draw_alternatives(canvas: Canvas, content: CardContent) -> None:
    top, left = _RIGHT[1] + 468, _INNER_LEFT
    canvas.rectangle((left, top, _INNER_RIGHT, top + 1), _LINE)
    others = content.candidates[1:CARD_CANDIDATES]
    title = "Next candidates" if others else "Nobody else is in the gallery"
    canvas.text((left, top + 30), title, 15, _SOFT, bold=True)
    gap = 20.0
    slot = (_INNER_RIGHT - left - gap * (CARD_CANDIDATES - 2)) / (CARD_CANDIDATES - 1)
    side = 124.0
    for place, candidate in enumerate(others):
        x, y = left + place * (slot + gap), top + 46
        canvas.picture(candidate.chip, (x, y, x + side, y + side), 8)
        canvas.text((x, y + side + 22), candidate.name, 15, _INK, width=slot)
        canvas.text((x, y + side + 42), f"{candidate.distance:.2f}", 15, _SOFT)


def _numbers(content: CardContent) -> tuple[str, str]:
    """Best distance and threshold, with digits enough to see which is lower."""
    values = content.candidates[0].distance, content.threshold
    for digits in (2, 3, 4):
        distance, threshold = (f"{value:.{digits}f}" for value in values)
        if distance != threshold:
            break
    return distance, threshold


def _accent(content: CardContent) -> Colour:
    return _NO if content.name is None else _YES


def _placed(
    box: FaceBox, x: float, y: float, scale: float, shown: tuple[float, float]
) -> Box:
    """The box on the card, cut off where the photo ends, never inside out."""
    left = min(max(box.left * scale, 0), shown[0] - 4)
    top = min(max(box.top * scale, 0), shown[1] - 4)
    right = max(min(box.right * scale, shown[0]), left + 4)
    bottom = max(min(box.bottom * scale, shown[1]), top + 4)
    return x + left, y + top, x + right, y + bottom
