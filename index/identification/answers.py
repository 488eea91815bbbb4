"""What identification answers: its record as JSON and its exit code.

Nobody is in a photograph twice: of two faces with one name the nearer keeps it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.calibration.calibration import Decision
from index.calibration.thresholds import accepted_from, shown
from index.identification.cards.canvas import percent
from masking.faces.detector import FaceBox
from masking.files.text import counted
from masking.files.writing import strict_json

MATCH, AMBIGUOUS, UNKNOWN = "match", "ambiguous", "unknown"
NO_FACE, UNREADABLE = "no face", "unreadable"
_TAKEN = "another face of the photo has the name."
# The worst answer decides, in this order.
EXIT_CODES = {UNREADABLE: 2, NO_FACE: 4, UNKNOWN: 3, AMBIGUOUS: 5}


@dataclass(frozen=True)
class Span:
    """When a face was seen in a video.

    Attributes:
        first_s, last_s: of the first and the last frame with it.
        frames: in how many of the frames that were looked at.
    """

    first_s: float
    last_s: float
    frames: int

    @property
    def text(self) -> str:
        """For people: "0:03 to 1:07, 12 frames"."""
        times = (self.first_s, self.last_s)
        first, last = (f"{int(s) // 60}:{int(s) % 60:02d}" for s in times)
        frames = counted(self.frames, "frame")
        return f"{first} to {last}, {frames}"


@dataclass(frozen=True)
class Answer:
    """What one face was identified as, or why a photo has no answer.

    Attributes:
        photo: the probe.
        status: MATCH, AMBIGUOUS, UNKNOWN, NO_FACE or UNREADABLE.
        reason: why there is no decision, or why it is not the nearest name; else "".
        face: number of the face in the photo, or of the track in the video, from 1;
            0 when there is none.
        faces: how many faces the photo shows; 0 for videos.
        box: the face in photo px; None when there is none.
        decision: None when there is no face.
        card: the result card's file; None when there is none.
        overview: the card of all faces of the photo; None when there is none.
        span: when the face was seen; None for photos.
        shown: numbers of the people whom the decision or the card names.
        photos: by match of the decision, the number of the person's photo that is
            nearest to the face; 0 where it was removed meanwhile.
        seconds: reading, detection and embedding of the whole photo, and search.
    """

    photo: Path
    status: str
    reason: str = ""
    face: int = 0
    faces: int = 0
    box: FaceBox | None = None
    decision: Decision | None = None
    card: Path | None = None
    overview: Path | None = None
    span: Span | None = None
    shown: tuple[int, ...] = ()
    photos: tuple[int, ...] = ()
    seconds: float = 0.0


def status_of(decision: Decision) -> str:
    """MATCH, AMBIGUOUS or UNKNOWN."""
    if not decision.names:
        return UNKNOWN
    return MATCH if len(decision.names) == 1 else AMBIGUOUS


def exit_code(statuses: Iterable[str]) -> int:
    """What a command answers to the shell, from the statuses of all answers.

    2 if any photo was unreadable, else 4 if any showed no face, else 3 if any
    face is unknown, else 5 if any face is one of two people who are too alike, else 0:
    every face of every photo has a name.
    """
    found = set(statuses)
    return next((code for status, code in EXIT_CODES.items() if status in found), 0)


def answer_line(answer: Answer) -> str:
    """The answer in one line for people."""
    decision = answer.decision
    if decision is None:
        return answer.reason
    where = f"{answer.photo}{_place(answer)}"
    if not decision.matches:
        return f"{where}: {decision.answer}"
    scores = [shown(match.score) for match in decision.matches]
    who, score = decision.answer, f"score {scores[0]}"
    if not decision.names:
        who = f"unknown, nearest is {decision.matches[0].name}"
    elif len(decision.names) > 1:
        score = f"too alike: scores {', '.join(scores[: len(decision.names)])}"
    if decision.names and decision.probability is not None:
        first = "" if decision.name else f" of {decision.names[0]}"
        who += f", probability{first} {percent(decision.probability)}"
    line = f"{where}: {who} ({score_in_words(decision, score)})"
    if decision.names and decision.no_probability:
        line += f". No probability: {decision.no_probability}"
    return line


def score_in_words(decision: Decision, score: str = "") -> str:
    """The first score and what it has to be; `score` says it otherwise."""
    score = score or f"score {shown(decision.matches[0].score)}"
    limit = accepted_from(decision.accepted_from)
    return f"{score}, accepted from {limit}; higher is closer"


def _place(answer: Answer) -> str:
    if answer.span:
        return f" (track {answer.face}, {answer.span.text})"
    if answer.faces > 1:
        return f" (face {answer.face} of {answer.faces})"
    return ""


def answer_record(answer: Answer) -> str:
    """The answer as one line of JSON (ASCII, so that any file name fits)."""
    box, span = answer.box, answer.span
    record: dict[str, Any] = {
        "photo": str(answer.photo),
        "status": answer.status,
        "reason": answer.reason,
        "face": answer.face,
        "faces": answer.faces,
        "seconds": round(answer.seconds, 4),
        "person_ids": list(answer.shown),
        "card": str(answer.card) if answer.card else None,
        "overview": str(answer.overview) if answer.overview else None,
    }
    if box:
        corners = (box.left, box.top, box.right, box.bottom)
        record["box_px"] = [round(value, 1) for value in corners]
        record["detector"] = box.detector
    if span:
        record["first_s"] = round(span.first_s, 3)
        record["last_s"] = round(span.last_s, 3)
        record["frames"] = span.frames
    if answer.decision:
        record |= _decision_record(answer.decision)
        for match, number in zip(record["matches"], answer.photos, strict=False):
            match["photo"] = number
    return strict_json(record)


def _decision_record(decision: Decision) -> dict[str, Any]:
    state = decision.mask_state
    return {
        "name": decision.name,
        "names": list(decision.names),
        "accepted_from": decision.accepted_from,
        "calibrated": decision.calibrated,
        "probability": _rounded(decision.probability),
        "no_probability": decision.no_probability,
        "gap": _rounded(decision.gap),
        "mask": state.label if state else None,
        "matches": [
            {
                "name": match.name,
                "score": _rounded(match.score),
                "distance": _rounded(match.distance),
            }
            for match in decision.matches
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def once_each(decisions: Sequence[Decision]) -> list[tuple[Decision, str]]:
    """The decisions on the faces of a photo, and why a name was taken from one.

    Returns:
        As many, in their order; "" where nothing was taken.
    """
    keepers: dict[str, int] = {}
    for place in sorted(range(len(decisions)), key=lambda i: -_score(decisions[i])):
        if name := decisions[place].name:
            keepers.setdefault(name, place)
    found = []
    for place, decision in enumerate(decisions):
        taken = [one for one in decision.names if keepers.get(one, place) != place]
        if not taken:
            found.append((decision, ""))
            continue
        reason = (
            f"looks like {decision.answer}, too, but face {keepers[taken[0]] + 1} of "
            f"this photo is {taken[0]}: nobody is in a photo twice"
        )
        unnamed = dataclasses.replace(
            decision, names=(), probability=None, no_probability=_TAKEN
        )
        found.append((unnamed, reason))
    return found


def _score(decision: Decision) -> float:
    return decision.matches[0].score if decision.matches else float("-inf")
