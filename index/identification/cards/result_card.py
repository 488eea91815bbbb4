"""The picture that explains an answer: probe, evidence, score and alternatives.

Upright and of the proportions of A4, so that it fills a phone's screen and a sheet. The
probe lies on a mat, with a frame around every face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from index.calibration.calibration import one_of
from index.calibration.thresholds import accepted_from, shown
from index.identification.cards.canvas import (
    BODY_TOP,
    HEIGHT_PX,
    INK,
    LEAST_FACE,
    LINE,
    MARGIN,
    MAT,
    PAPER,
    SOFT,
    SURE,
    SURE_ZONE,
    UNSURE,
    WIDTH_PX,
    Box,
    Canvas,
    Colour,
    draw_band,
    draw_foot,
    percent,
    text_width,
    two_lines,
)
from index.identification.cards.occlusion_map import coloured_heat
from masking.landmarks import FaceBox, Float32, Image

_LABEL_PX, _TAG_PX = 22, 32.0
_KEPT_PX = _TAG_PX + 6
# The best one large, the next four small.
CARD_CANDIDATES = 5

_LEFT, _RIGHT = MARGIN, WIDTH_PX - MARGIN
# Heights, from the photo down; what a card leaves out, the photo gets.
_PHOTO_PX, _CAPTION_PX, _TILE, _BELOW_TILE_PX = 400.0, 56.0, 300.0, 66.0
_SCORE_PX, _FACTS_PX, _NEXT_PX, _THUMB = 112.0, 86.0, 190.0, 124.0
# Scores on either side of the threshold that the scale shows.
_USUAL_REACH = 50.0


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


@dataclass(frozen=True, eq=False)
class CardCandidate:
    """A person of the gallery with the photo that is nearest to the probe.

    Attributes:
        name: as enrolled.
        score: see `index.calibration.thresholds`; higher is closer.
        chip: (S, S, 3) uint8 RGB.
    """

    name: str
    score: float
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
        names: of the accepted people; none means unknown, several that it is one.
        candidates: the highest score first, up to CARD_CANDIDATES.
        accepted_from: the score from which on a name is accepted.
        notes: lines for the foot: where the threshold comes from, date and model.
        circumstances: which face of the photo or video, and how long it took.
        probability: that the first's name is the right one; None when not measured.
        no_probability: why there is none, one sentence.
        gap: how much lower the second's score is; None without one.
        mask: state of the mask in words; "" when it was not looked at.
        heat: (S, S) float32 of `occlusion_heat`; None when it was not asked for.
        pair: the one candidate is the other of two photos, no person of a gallery.
    """

    photo: Image
    photo_name: str
    boxes: tuple[FaceBox, ...]
    face: int
    chip: Image
    names: tuple[str, ...]
    candidates: tuple[CardCandidate, ...]
    accepted_from: float
    notes: tuple[str, ...]
    circumstances: str
    probability: float | None = None
    no_probability: str = ""
    gap: float | None = None
    mask: str = ""
    heat: Float32 | None = None
    pair: bool = False


def draw_card(content: CardContent) -> Image:
    """(HEIGHT_PX, WIDTH_PX, 3) uint8 RGB."""
    canvas = Canvas(WIDTH_PX, HEIGHT_PX, PAPER)
    _draw_answer(canvas, content)
    third = _third_picture(content)
    others = len(content.candidates) > 1
    bottom = BODY_TOP + _PHOTO_PX + _FACTS_PX * (third is None)
    bottom += _NEXT_PX * (not others)
    photo = (_LEFT, BODY_TOP, _RIGHT, bottom)
    frames = {content.face: _accent(content)}
    draw_photo(canvas, photo, content.photo, content.boxes, frames)
    aside, place = content.circumstances, (_RIGHT, bottom + 36)
    canvas.text(place, aside, 22, SOFT, anchor="rs", width=400)
    room = _RIGHT - _LEFT - min(400, text_width(aside, 22)) - 24
    place = (_LEFT, bottom + 36)
    canvas.text(place, content.photo_name, 24, INK, bold=True, width=room, smallest=16)
    top = bottom + _CAPTION_PX
    _draw_evidence(canvas, top, content, third)
    top += _TILE + _BELOW_TILE_PX
    if content.candidates:
        _draw_score(canvas, top, content)
    top += _SCORE_PX
    if third:
        _draw_facts(canvas, top, content)
        top += _FACTS_PX
    if not content.pair:
        _draw_alternatives(canvas, top, content)
    no_odds = content.no_probability
    notes = (f"No probability: {no_odds}" if no_odds else "", *content.notes)
    names = [one.name for one in content.candidates]
    draw_foot(canvas, notes, (content.photo_name, *content.names, *names))
    return canvas.pixels()


def _draw_answer(canvas: Canvas, content: CardContent) -> None:
    label = ("NO MATCH", "MATCH")[bool(content.names)]
    aside, name = ("", ""), one_of(content.names)
    if len(content.names) > 1:
        label = "TOO ALIKE TO TELL"
    elif content.names and content.probability is not None:
        aside = (percent(content.probability), "probability")
    elif not content.names and content.boxes[content.face].score < LEAST_FACE:
        label = "HARDLY A FACE"
    if content.pair:
        name = "same person" if content.names else "different people"
    draw_band(canvas, label, name, aside, _accent(content))


def _third_picture(content: CardContent) -> tuple[Image, str] | None:
    """With its caption: the other of two who are alike, or the heat; else nothing."""
    if len(content.names) > 1 and len(content.candidates) > 1:
        return content.candidates[1].chip, content.candidates[1].name
    if content.heat is not None and content.candidates:
        return coloured_heat(content.chip, content.heat), "Orange: for, blue: against"
    return None


def _draw_evidence(
    canvas: Canvas, top: float, content: CardContent, third: tuple[Image, str] | None
) -> None:
    step = (_RIGHT - _LEFT - _TILE) / 2
    _tile(canvas, (_LEFT, top), content.chip, "This face, aligned")
    if not content.candidates:
        return
    accent, best = _accent(content), content.candidates[0]
    # The name matters most when it was not accepted and stands nowhere else.
    who = "Best gallery photo" if content.names else f"Nearest: {best.name}"
    who = best.name if content.pair else who
    alike = len(content.names) > 1
    place = (_LEFT + step, top)
    _tile(canvas, place, best.chip, best.name if alike else who, accent)
    last = _LEFT + 2 * step
    if third:
        _tile(canvas, (last, top), *third, accent if alike else None)
        return
    for row, (label, value) in enumerate(_facts(content)):
        y = top + 24 + row * _TILE / 3
        canvas.text((last, y), label, 21, SOFT, width=_TILE)
        canvas.text((last, y + 42), value, 34, INK, bold=True, width=_TILE)


def _tile(
    canvas: Canvas,
    corner: tuple[float, float],
    picture: Image,
    caption: str,
    frame: Colour | None = None,
) -> None:
    left, top = corner
    box = (left, top, left + _TILE, top + _TILE)
    canvas.picture(picture, box, 14)
    if frame:
        canvas.outline(box, frame, 5, 14)
    for row, line in enumerate(two_lines(caption, 22, _TILE, smallest=17)):
        below = (left, top + _TILE + 30 + 26 * row)
        canvas.text(below, line, 22, SOFT, width=_TILE, smallest=17)


def _draw_score(canvas: Canvas, top: float, content: CardContent) -> None:
    limit = content.accepted_from
    passing = content.candidates[: max(1, len(content.names))]
    both = " and ".join(shown(one.score) for one in passing)
    verdict = "not accepted" if not content.names else "accepted"
    if len(content.names) > 1:
        verdict = f"all {verdict}" if len(content.names) > 2 else f"both {verdict}"
    line = f"Score {both}: {verdict}. Higher is closer, "
    line += f"and {accepted_from(limit)} or more is accepted."
    canvas.text((_LEFT, top + 24), line, 24, INK, width=_RIGHT - _LEFT)
    # At least so wide, so that cards look alike unless a face is far off.
    widest = max(abs(one.score - limit) for one in passing)
    reach = max(_USUAL_REACH, 1.1 * widest)

    def across(score: float) -> float:
        return (_LEFT + _RIGHT) / 2 + (_RIGHT - _LEFT) / 2 * (score - limit) / reach

    tick, bar = across(limit), top + 46
    canvas.rectangle((_LEFT, bar, _RIGHT, bar + 18), LINE, 9)
    canvas.rectangle((tick, bar, _RIGHT, bar + 18), SURE_ZONE, 9)
    canvas.rectangle((tick, bar, tick + 14, bar + 18), SURE_ZONE)
    canvas.rectangle((tick - 2, bar - 7, tick + 2, bar + 26), INK)
    for one in passing[::-1]:
        mark = across(one.score)
        canvas.rectangle((mark - 16, bar - 7, mark + 16, bar + 25), PAPER, 16)
        spot = (mark - 13, bar - 4, mark + 13, bar + 22)
        canvas.rectangle(spot, _accent(content), 13)
    canvas.text((tick, bar + 48), accepted_from(limit), 20, INK, anchor="ms")


def _facts(content: CardContent) -> list[tuple[str, str]]:
    """What is known beside the score; the probability only where no headline has it."""
    facts = []
    if content.probability is None:
        # Whether it was measured is always said.
        facts.append(("Probability", "not measured"))
    elif len(content.names) != 1:
        whose = "the first" if content.names else "the nearest"
        whose = "one person" if content.pair else whose
        facts.append((f"Probability of {whose}", percent(content.probability)))
    if content.gap is not None:
        facts.append(("Second is lower by", f"{content.gap:.1f}"))
    if content.mask:
        facts.append(("Mask", content.mask))
    return facts


def _draw_facts(canvas: Canvas, top: float, content: CardContent) -> None:
    slot = (_RIGHT - _LEFT) / 3
    for place, (label, value) in enumerate(_facts(content)):
        left = _LEFT + place * slot
        canvas.text((left, top + 24), label, 21, SOFT, width=slot - 16)
        canvas.text((left, top + 62), value, 32, INK, bold=True, width=slot - 16)


def _draw_alternatives(canvas: Canvas, top: float, content: CardContent) -> None:
    canvas.rectangle((_LEFT, top, _RIGHT, top + 2), LINE)
    others = content.candidates[1:CARD_CANDIDATES]
    title = "Next candidates" if others else "No other candidates"
    canvas.text((_LEFT, top + 36), title, 24, SOFT, bold=True)
    gap = 20.0
    slot = (_RIGHT - _LEFT - gap * (CARD_CANDIDATES - 2)) / (CARD_CANDIDATES - 1)
    for place, candidate in enumerate(others):
        x, y = _LEFT + place * (slot + gap), top + 54
        canvas.picture(candidate.chip, (x, y, x + _THUMB, y + _THUMB), 10)
        canvas.text((x + _THUMB + 12, y + 28), shown(candidate.score), 24, SOFT)
        for line, text in enumerate(two_lines(candidate.name, 22, slot, smallest=15)):
            below = (x, y + _THUMB + 30 + 28 * line)
            canvas.text(below, text, 22, INK, width=slot, smallest=15)


def _accent(content: CardContent) -> Colour:
    return SURE if len(content.names) == 1 else UNSURE
