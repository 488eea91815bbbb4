"""Answers as a table for spreadsheets: CSV, a line as each answer comes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from index.identification.answers import Answer
from index.identification.card_writer import writing
from masking.datasets.folders import refuse_picture
from masking.files.text import spreadsheet_text

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
