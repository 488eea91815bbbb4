"""The picture that explains an answer: probe, evidence, score and alternatives.

Upright and of the proportions of A4, so that it fills a phone's screen and a sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

from index.calibration.score import accepted_from, shown
from index.identification.cards.canvas import (
    Box,
    Canvas,
    Colour,
    percent,
    two_lines,
)
from index.identification.cards.occlusion_map import coloured_heat
from index.identification.cards.photo_panel import draw_photo
from index.identification.cards.style import (
    HEIGHT_PX,
    INK,
    LINE,
    MARGIN,
    PAPER,
    SOFT,
    SURE,
    SURE_ZONE,
    UNSURE,
    WIDTH_PX,
    draw_band,
)
from masking.faces.detector import FaceBox
from masking.landmarks import Float32, Image

# The best one large, the next four small.
CARD_CANDIDATES = 5

_LEFT, _RIGHT = MARGIN, WIDTH_PX - MARGIN
_PHOTO: Box = (_LEFT, 192.0, _RIGHT, 592.0)
_TILE, _TILE_TOP = 300.0, 656.0
_SCORE_TOP, _FACTS_TOP, _NEXT_TOP = 1026.0, 1152.0, 1238.0
_THUMB = 124.0
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
        note: one line on where the threshold comes from.
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
    note: str
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
    frames = {content.face: _accent(content)}
    draw_photo(canvas, _PHOTO, content.photo, content.boxes, frames)
    name = content.photo_name
    canvas.text((_LEFT, 630), name, 24, INK, bold=True, width=560, smallest=20)
    canvas.text((_RIGHT, 630), content.circumstances, 22, SOFT, anchor="rs", width=400)
    _draw_evidence(canvas, content)
    if content.candidates:
        _draw_score(canvas, content)
        _draw_facts(canvas, content)
    _draw_alternatives(canvas, content)
    if content.no_probability:
        place = (_LEFT, HEIGHT_PX - 50.0)
        text = f"No probability: {content.no_probability}"
        canvas.text(place, text, 19, SOFT, width=_RIGHT - _LEFT)
    footer = (_LEFT, HEIGHT_PX - 22.0)
    canvas.text(footer, content.note, 19, SOFT, width=_RIGHT - _LEFT)
    return canvas.pixels()


def _draw_answer(canvas: Canvas, content: CardContent) -> None:
    label = ("NO MATCH", "MATCH")[bool(content.names)]
    aside, name = ("", ""), " or ".join(content.names) or "unknown"
    if len(content.names) > 1:
        label = "TOO ALIKE TO TELL"
    elif content.names and content.probability is not None:
        aside = (percent(content.probability), "probability")
    draw_band(canvas, label, name, aside, _accent(content))


def _draw_evidence(canvas: Canvas, content: CardContent) -> None:
    step = (_RIGHT - _LEFT - _TILE) / 2
    first, second, third = (
        (_LEFT + place * step, _TILE_TOP, _LEFT + place * step + _TILE)
        for place in range(3)
    )
    _tile(canvas, first, content.chip, "This face, aligned")
    if not content.candidates:
        return
    best = content.candidates[0]
    # The name matters most when it was not accepted and stands nowhere else.
    who = "Best gallery photo" if content.names else f"Nearest: {best.name}"
    alike = len(content.names) > 1 and len(content.candidates) > 1
    _tile(canvas, second, best.chip, best.name if alike else who, _accent(content))
    if alike:
        other = content.candidates[1]
        _tile(canvas, third, other.chip, other.name, _accent(content))
        return
    if content.heat is not None:
        heat = coloured_heat(content.chip, content.heat)
        _tile(canvas, third, heat, "What the score rests on")
        below = (third[0], _TILE_TOP + _TILE + 58)
        legend = "A hint: orange for, blue against"
        canvas.text(below, legend, 19, SOFT, width=_TILE)
        return
    left, top, right = third
    room = right - left
    canvas.text((left, top + 40), "Score", 24, SOFT, width=room)
    accent, score = _accent(content), shown(best.score)
    canvas.text((left, top + 150), score, 104, accent, bold=True, width=room)
    comparison = f"accepted from {accepted_from(content.accepted_from)}:"
    canvas.text((left, top + 214), comparison, 26, INK, width=room)
    meaning = "accepted" if content.names else "not accepted"
    canvas.text((left, top + 250), meaning, 26, INK, bold=True, width=room)


def _tile(
    canvas: Canvas,
    place: tuple[float, float, float],
    picture: Image,
    caption: str,
    frame: Colour | None = None,
) -> None:
    left, top, right = place
    canvas.picture(picture, (left, top, right, top + _TILE), 14)
    if frame:
        canvas.outline((left, top, right, top + _TILE), frame, 5, 14)
    below = (left, top + _TILE + 32)
    canvas.text(below, caption, 23, SOFT, width=right - left, smallest=19)


def _draw_score(canvas: Canvas, content: CardContent) -> None:
    top = _SCORE_TOP + 42
    limit = content.accepted_from
    passing = content.candidates[: max(1, len(content.names))]
    # At least so wide, so that cards look alike unless a face is far off.
    widest = max(abs(one.score - limit) for one in passing)
    reach = max(_USUAL_REACH, 1.1 * widest)

    def across(score: float) -> float:
        return (_LEFT + _RIGHT) / 2 + (_RIGHT - _LEFT) / 2 * (score - limit) / reach

    both = " and ".join(shown(one.score) for one in passing)
    line = f"Score {both}, accepted from {accepted_from(limit)}; higher is closer"
    canvas.text((_LEFT, _SCORE_TOP + 24), line, 24, INK, width=_RIGHT - _LEFT)
    tick = across(limit)
    canvas.rectangle((_LEFT, top, _RIGHT, top + 22), LINE, 11)
    canvas.rectangle((tick, top, _RIGHT, top + 22), SURE_ZONE, 11)
    canvas.rectangle((tick, top, tick + 14, top + 22), SURE_ZONE)
    canvas.rectangle((tick - 2, top - 7, tick + 2, top + 30), INK)
    for one in passing[::-1]:
        mark = across(one.score)
        canvas.rectangle((mark - 17, top - 6, mark + 17, top + 28), PAPER, 17)
        spot = (mark - 14, top - 3, mark + 14, top + 25)
        canvas.rectangle(spot, _accent(content), 14)
    label = f"accepted from {accepted_from(limit)}"
    canvas.text((tick, top + 54), label, 20, INK, anchor="ms")


def _draw_facts(canvas: Canvas, content: CardContent) -> None:
    # Without a second person there is no gap, but whether a probability was measured
    # is always said.
    odds = "not measured"
    if content.probability is not None:
        odds = percent(content.probability)
    whose = f"Probability of {content.candidates[0].name}"
    facts = [("Probability" if len(content.names) == 1 else whose, odds)]
    if content.gap is not None:
        facts.append(("Second is lower by", f"{content.gap:.1f}"))
    if content.mask:
        facts.append(("Mask", content.mask))
    slot = (_RIGHT - _LEFT) / 3
    for place, (label, value) in enumerate(facts):
        left = _LEFT + place * slot
        canvas.text((left, _FACTS_TOP + 24), label, 21, SOFT, width=slot - 16)
        below = (left, _FACTS_TOP + 62)
        canvas.text(below, value, 32, INK, bold=True, width=slot - 16)


def _draw_alternatives(canvas: Canvas, content: CardContent) -> None:
    canvas.rectangle((_LEFT, _NEXT_TOP, _RIGHT, _NEXT_TOP + 2), LINE)
    others = content.candidates[1:CARD_CANDIDATES]
    title = "Next candidates" if others else "Nobody else is in the gallery"
    canvas.text((_LEFT, _NEXT_TOP + 36), title, 24, SOFT, bold=True)
    gap = 20.0
    slot = (_RIGHT - _LEFT - gap * (CARD_CANDIDATES - 2)) / (CARD_CANDIDATES - 1)
    for place, candidate in enumerate(others):
        x, y = _LEFT + place * (slot + gap), _NEXT_TOP + 54
        canvas.picture(candidate.chip, (x, y, x + _THUMB, y + _THUMB), 10)
        canvas.text((x + _THUMB + 12, y + 28), shown(candidate.score), 24, SOFT)
        for line, text in enumerate(two_lines(candidate.name, 22, slot)):
            below = (x, y + _THUMB + 30 + 28 * line)
            canvas.text(below, text, 22, INK, width=slot, smallest=22)


def _accent(content: CardContent) -> Colour:
    return SURE if len(content.names) == 1 else UNSURE
