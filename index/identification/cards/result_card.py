"""The picture that explains an answer: probe, evidence, score and alternatives.

Upright and of the proportions of A4, so that it fills a phone's screen and a sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

from index.identification.cards.canvas import (
    Box,
    Canvas,
    Colour,
    percent,
    text_width,
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
        circumstances: which face of the photo or video, and how long it took.
        probability: that the nearest is the right person; None when not calibrated.
        margin: how much farther the second person is; None without one.
        mask: state of the mask in words; "" when it was not looked at.
        heat: (S, S) float32 of `occlusion_heat`; None when it was not asked for.
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
    circumstances: str
    probability: float | None = None
    margin: float | None = None
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
    footer = (_LEFT, HEIGHT_PX - 22.0)
    canvas.text(footer, content.note, 19, SOFT, width=_RIGHT - _LEFT)
    return canvas.pixels()


def _draw_answer(canvas: Canvas, content: CardContent) -> None:
    label = "MATCH" if content.name is not None else "NO MATCH"
    name = "unknown" if content.name is None else content.name
    aside = ("", "")
    if content.name is not None and content.probability is not None:
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
    matched = content.name is not None
    who = "Best gallery photo" if matched else f"Nearest: {best.name}"
    _tile(canvas, second, best.chip, who)
    left, top, right = second
    canvas.outline((left, top, right, top + _TILE), _accent(content), 5, 14)
    if content.heat is not None:
        heat = coloured_heat(content.chip, content.heat)
        _tile(canvas, third, heat, "What the score rests on")
        below = (third[0], _TILE_TOP + _TILE + 58)
        legend = "A hint: orange for, blue against"
        canvas.text(below, legend, 19, SOFT, width=_TILE)
        return
    distance, threshold = _numbers(content)
    left, top, right = third
    room = right - left
    metric = f"{content.metric.capitalize()} distance"
    canvas.text((left, top + 40), metric, 24, SOFT, width=room)
    accent = _accent(content)
    canvas.text((left, top + 150), distance, 104, accent, bold=True, width=room)
    accepted = content.name is not None
    comparison = f"{'below' if accepted else 'not below'} {threshold}:"
    canvas.text((left, top + 214), comparison, 26, INK, width=room)
    meaning = "accepted" if accepted else "not accepted"
    canvas.text((left, top + 250), meaning, 26, INK, bold=True, width=room)


def _tile(
    canvas: Canvas, place: tuple[float, float, float], picture: Image, caption: str
) -> None:
    left, top, right = place
    canvas.picture(picture, (left, top, right, top + _TILE), 14)
    below = (left, top + _TILE + 32)
    canvas.text(below, caption, 23, SOFT, width=right - left, smallest=19)


def _draw_score(canvas: Canvas, content: CardContent) -> None:
    best = content.candidates[0]
    top = _SCORE_TOP + 42
    # At least to 1, so that cards look alike unless a face is far off.
    end = max(1.0, 1.1 * best.distance, 1.4 * content.threshold)

    def across(distance: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * distance / end

    shown_distance, shown_threshold = _numbers(content)
    line = (
        f"{content.metric.capitalize()} distance {shown_distance}, accepted below "
        f"{shown_threshold}; lower is closer"
    )
    canvas.text((_LEFT, _SCORE_TOP + 24), line, 24, INK, width=_RIGHT - _LEFT)
    tick, mark = across(content.threshold), across(best.distance)
    canvas.rectangle((_LEFT, top, _RIGHT, top + 22), LINE, 11)
    canvas.rectangle((_LEFT, top, max(tick, _LEFT + 22), top + 22), SURE_ZONE, 11)
    canvas.rectangle((tick - 14, top, tick, top + 22), SURE_ZONE)
    canvas.rectangle((tick - 2, top - 7, tick + 2, top + 30), INK)
    canvas.rectangle((mark - 17, top - 6, mark + 17, top + 28), PAPER, 17)
    canvas.rectangle((mark - 14, top - 3, mark + 14, top + 25), _accent(content), 14)
    label = f"threshold {shown_threshold}"
    half = text_width(label, 20) / 2
    middle = min(max(tick, _LEFT + half), _RIGHT - half)
    canvas.text((middle, top + 54), label, 20, INK, anchor="ms")


def _draw_facts(canvas: Canvas, content: CardContent) -> None:
    # Without a second person there is no margin, but whether one is calibrated is
    # always said.
    odds = "not calibrated"
    if content.probability is not None:
        odds = percent(content.probability)
    facts = [("Probability of the nearest", odds)]
    if content.margin is not None:
        facts.append(("Second is farther by", f"{content.margin:.2f}"))
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
        distance = f"{candidate.distance:.2f}"
        canvas.text((x + _THUMB + 12, y + 28), distance, 24, SOFT)
        for line, text in enumerate(two_lines(candidate.name, 22, slot)):
            below = (x, y + _THUMB + 30 + 28 * line)
            canvas.text(below, text, 22, INK, width=slot, smallest=22)


def _numbers(content: CardContent) -> tuple[str, str]:
    """Best distance and threshold, with digits enough to see which is lower."""
    values = content.candidates[0].distance, content.threshold
    for digits in (2, 3, 4):
        distance, threshold = (f"{value:.{digits}f}" for value in values)
        if distance != threshold:
            break
    return distance, threshold


def _accent(content: CardContent) -> Colour:
    return UNSURE if content.name is None else SURE
