"""The picture that explains an answer: probe, evidence, score and alternatives.

Upright and of the proportions of A4, so that it fills a phone's screen and a sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

from index.calibration.score import accepted_from, shown
from index.identification.cards.canvas import (
    Canvas,
    Colour,
    percent,
    text_width,
    two_lines,
)
from index.identification.cards.occlusion_map import coloured_heat
from index.identification.cards.photo_panel import draw_photo
from index.identification.cards.style import (
    BODY_TOP,
    HEIGHT_PX,
    INK,
    LEAST_FACE,
    LINE,
    MARGIN,
    PAPER,
    SOFT,
    SURE,
    SURE_ZONE,
    UNSURE,
    WIDTH_PX,
    draw_band,
    draw_foot,
)
from masking.faces.detector import FaceBox
from masking.landmarks import Float32, Image

# The best one large, the next four small.
CARD_CANDIDATES = 5

_LEFT, _RIGHT = MARGIN, WIDTH_PX - MARGIN
# Heights, from the photo down; what a card leaves out, the photo gets.
_PHOTO_PX, _CAPTION_PX, _TILE, _BELOW_TILE_PX = 400.0, 56.0, 300.0, 66.0
_SCORE_PX, _FACTS_PX, _NEXT_PX, _THUMB = 112.0, 86.0, 190.0, 124.0
# Scores on either side of the threshold that the scale shows.
_USUAL_REACH = 50.0


@dataclass(frozen=True, eq=False)
class CardCandidate:
    """A person of the gallery with the photo that is nearest to the probe.

    Attributes:
        name: as enrolled.
        score: see `index.calibration.score`; higher is closer.
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
    _draw_alternatives(canvas, top, content)
    no_odds = content.no_probability
    notes = (f"No probability: {no_odds}" if no_odds else "", *content.notes)
    names = [one.name for one in content.candidates]
    draw_foot(canvas, notes, (content.photo_name, *content.names, *names))
    return canvas.pixels()


def _draw_answer(canvas: Canvas, content: CardContent) -> None:
    label = ("NO MATCH", "MATCH")[bool(content.names)]
    aside, name = ("", ""), " or ".join(content.names) or "unknown"
    if len(content.names) > 1:
        label = "TOO ALIKE TO TELL"
    elif content.names and content.probability is not None:
        aside = (percent(content.probability), "probability")
    elif not content.names and content.boxes[content.face].score < LEAST_FACE:
        label = "HARDLY A FACE"
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
