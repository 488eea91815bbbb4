"""What identification answers: its record as JSON, its row of CSV, its exit code.

Nobody is in a photograph twice: of two faces with one name the nearer keeps it.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.calibration.calibration import Decision
from index.calibration.thresholds import accepted_from, shown
from index.identification.cards.canvas import percent
from masking.datasets.folders import refuse_picture
from masking.errors import ToolkitError
from masking.files.text import counted, spreadsheet_text
from masking.files.writing import strict_json
from masking.landmarks import FaceBox

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


COLUMNS = (
    "photo",
    "face",
    "status",
    "name",
    "nearest",
    "score",
    "accepted_from",
    "distance",
    "probability",
    "gap",
    "mask",
    "left",
    "top",
    "right",
    "bottom",
    "first_s",
    "last_s",
    "card",
    "reason",
)


@contextmanager
def answer_table(path: Path) -> Iterator[Callable[[Answer], None]]:
    """Replace a CSV file; what it gives writes one answer, at once.

    Raises:
        InvalidConfig: it is named like a photograph.
        ToolkitError: it cannot be written.
    """
    refuse_picture(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names of files that are no UTF-8 come out as the bytes that they are.
        file = path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
    with file:
        writer = csv.DictWriter(file, COLUMNS)

        def write(answer: Answer) -> None:
            with writing(path):
                writer.writerow(table_row(answer))
                file.flush()

        with writing(path):
            writer.writeheader()
            file.flush()
        yield write


def table_row(answer: Answer) -> dict[str, str]:
    """The cells of one answer; "" where there is nothing to say."""
    row = dict.fromkeys(COLUMNS, "")
    row |= {"photo": str(answer.photo), "status": answer.status}
    row |= {"reason": answer.reason, "card": str(answer.card or "")}
    row = {name: spreadsheet_text(text) for name, text in row.items()}
    if answer.face:
        row["face"] = str(answer.face)
    if answer.box:
        box = answer.box
        corners = (box.left, box.top, box.right, box.bottom)
        names = ("left", "top", "right", "bottom")
        row |= {
            name: f"{value:.1f}" for name, value in zip(names, corners, strict=True)
        }
    if answer.span:
        row["first_s"] = f"{answer.span.first_s:.2f}"
        row["last_s"] = f"{answer.span.last_s:.2f}"
    decision = answer.decision
    if decision is None:
        return row
    name = spreadsheet_text(decision.answer if decision.names else "")
    row |= {"name": name, "accepted_from": f"{decision.accepted_from:g}"}
    if decision.matches:
        best = decision.matches[0]
        row["nearest"] = spreadsheet_text(best.name)
        row["score"], row["distance"] = f"{best.score:.4f}", f"{best.distance:.4f}"
    if decision.probability is not None:
        row["probability"] = f"{decision.probability:.4f}"
    if decision.gap is not None:
        row["gap"] = f"{decision.gap:.4f}"
    if decision.mask_state is not None:
        row["mask"] = decision.mask_state.label
    return row


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Failures to write become one sentence.

    Raises:
        ToolkitError: the block met an OSError.
    """
    try:
        yield
    except OSError as error:
        raise ToolkitError(
            f"{folder}: cannot be written ({error.strerror or error}). Check that the "
            "folder is writable and the disk is not full."
        ) from error
