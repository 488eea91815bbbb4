"""What identification answers: its record as JSON and its exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.calibration import Decision
from masking.face_detection import FaceBox

MATCH, UNKNOWN, NO_FACE, UNREADABLE = "match", "unknown", "no face", "unreadable"
RECORDS = "answers.jsonl"
# The worst answer decides, in this order.
EXIT_CODES = {UNREADABLE: 2, NO_FACE: 4, UNKNOWN: 3}


@dataclass(frozen=True)
class Answer:
    """What one face was identified as, or why a photo has no answer.

    Attributes:
        photo: the probe.
        status: MATCH, UNKNOWN, NO_FACE or UNREADABLE.
        reason: why there is no decision; "" when there is one.
        face: number of the face in the photo, from 1; 0 when there is none.
        faces: how many faces the photo shows.
        box: the face in photo px; None when there is none.
        decision: None when there is no face.
        card: the result card's file; None when there is no face.
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
    seconds: float = 0.0


def status_of(decision: Decision) -> str:
    """MATCH or UNKNOWN."""
    return UNKNOWN if decision.name is None else MATCH


def exit_code(answers: Sequence[Answer]) -> int:
    """What a command answers to the shell.

    2 if any photo was unreadable, else 4 if any showed no face, else 3 if any
    face is unknown, else 0: every face of every photo has a name.
    """
    statuses = {answer.status for answer in answers}
    return next((code for status, code in EXIT_CODES.items() if status in statuses), 0)


def answer_line(answer: Answer) -> str:
    """The answer in one line for people."""
    if answer.decision is None:
        return answer.reason
    place = f" (face {answer.face} of {answer.faces})" if answer.faces > 1 else ""
    decision = answer.decision
    who = "unknown" if decision.name is None else decision.name
    if not decision.matches:
        return f"{answer.photo}{place}: {who}"
    best = decision.matches[0]
    if decision.name is None:
        who = f"unknown, nearest is {best.name}"
    return (
        f"{answer.photo}{place}: {who} ({decision.metric} distance "
        f"{best.distance:.3f}, accepted below {decision.threshold:.3f}; lower is "
        "closer)"
    )


def answer_record(answer: Answer) -> str:
    """The answer as one line of JSON (ASCII, so that any file name fits)."""
    decision, box = answer.decision, answer.box
    record: dict[str, Any] = {
        "photo": str(answer.photo),
        "status": answer.status,
        "reason": answer.reason,
        "face": answer.face,
        "faces": answer.faces,
        "seconds": round(answer.seconds, 4),
        "card": str(answer.card) if answer.card else None,
    }
    if box:
        corners = (box.left, box.top, box.right, box.bottom)
        record["box_px"] = [round(value, 1) for value in corners]
        record["detector"] = box.detector
    if decision:
        record |= {
            "name": decision.name,
            "metric": decision.metric,
            "threshold": round(decision.threshold, 6),
            "calibrated": decision.calibrated,
            "matches": [
                {"name": match.name, "distance": round(match.distance, 6)}
                for match in decision.matches
            ],
        }
    return json.dumps(record)
