"""Many answers are a table with a last line; a single one is a sentence."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

from index.calibration.calibration import Decision, Match
from index.commands.terminal.answer_printer import AnswerPrinter, cells, summary
from index.identification.answers import (
    AMBIGUOUS,
    MATCH,
    NO_FACE,
    UNKNOWN,
    UNREADABLE,
    Answer,
    Span,
)

PHOTOS = [Path("a.jpg"), Path("bigger.jpg")]


def answer(photo, *names, probability=None, **changes):
    matches = (Match("Ann", 1, 12.34, 0.3), Match("Bea", 2, -7.0, 0.6))
    decision = Decision(names, matches, 0.0, True, probability=probability)
    status = (UNKNOWN, MATCH, AMBIGUOUS)[len(names)]
    parts: dict[str, Any] = {"face": 1, "faces": 1, "decision": decision}
    return Answer(Path(photo), status, **(parts | changes))


def test_several_photos_are_a_table_with_a_last_line(capsys):
    printer = AnswerPrinter(False, False, PHOTOS, ["Ann", "Bea"])
    printer.show(answer("a.jpg", "Ann", probability=0.995, face=1, faces=2))
    printer.show(answer("a.jpg", probability=0.24, face=2, faces=2))
    printer.show(Answer(Path("bigger.jpg"), UNREADABLE, "bigger.jpg: no image."))
    printer.end(Path("cards"))
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "photo       face      name      how sure",
        "a.jpg       1 of 2    Ann       over 99%",
        "a.jpg       2 of 2    unknown   nearest Ann, 24%",
        "bigger.jpg            not read",
        "1 named, 1 unknown, 1 not read",
        "cards in cards",
    ]
    assert told.err == "not read: bigger.jpg: no image.\n"


def test_a_single_photo_is_a_sentence(capsys):
    for verbose, photos in ((False, PHOTOS[:1]), (True, PHOTOS)):
        printer = AnswerPrinter(False, verbose, photos, ["Ann"])
        printer.show(answer("a.jpg", "Ann", probability=0.5))
        printer.end(None)
        assert capsys.readouterr().out == (
            "a.jpg: Ann, probability 50% (score +12.3, accepted from 0; higher is "
            "closer)\n"
        )


def test_one_photo_of_two_people_is_a_table_with_its_card(capsys):
    printer = AnswerPrinter(False, False, PHOTOS[:1], ["Ann"])
    for face in (1, 2):
        printer.show(answer("a.jpg", face=face, faces=2, overview=Path("all.png")))
    printer.end(Path("cards"))
    assert capsys.readouterr().out.splitlines()[3:] == [
        "card: all.png",
        "0 named, 2 unknown",
    ]


@pytest.mark.parametrize(
    ("given", "row"),
    [
        (answer("a", "Ann"), ("a", "", "Ann", "score +12.3")),
        (
            answer("a", "Ann", "Bea", probability=0.6),
            ("a", "", "Ann or Bea", "Ann, 60%"),
        ),
        (answer("a"), ("a", "", "unknown", "nearest Ann, score +12.3")),
        (
            answer("a", "Ann", faces=0, span=Span(0, 1, 2), face=3),
            ("a", "track 3", "Ann", "score +12.3"),
        ),
        (answer("a", reason="no twins"), ("a", "", "unknown", "no twins")),
        (Answer(Path("a"), NO_FACE, "a: no face found."), ("a", "", "no face", "")),
    ],
)
def test_a_row_says_who_and_how_sure(given, row):
    assert cells(given) == row


def test_the_last_line_counts_every_kind():
    many = Counter({MATCH: 34, UNKNOWN: 1, NO_FACE: 2})
    assert summary(many) == "34 named, 1 unknown, 2 without a face"
    assert summary(Counter({AMBIGUOUS: 2, UNREADABLE: 1})) == (
        "0 named, 2 too alike to tell, 1 not read"
    )


@pytest.mark.parametrize(("as_json", "verbose"), [(0, 0), (0, 1), (1, 0)])
def test_a_bar_makes_room_for_every_line(capsys, as_json, verbose):
    printer = AnswerPrinter(as_json, verbose, PHOTOS, ["Ann"])
    with tqdm(total=2, file=sys.stdout, ncols=60, mininterval=0) as bar:
        for photo in ("a.jpg", "bigger.jpg"):
            printer.show(answer(photo, "Ann"))
            bar.update()
    lines = capsys.readouterr().out.split("\n")[:-2]
    assert len(lines) == (2 if as_json or verbose else 3)
    for place, line in enumerate(lines):
        *before, printed = line.split("\r")
        assert "it/s" not in printed
        # What stood there was wiped out, but by the first of two lines at once.
        assert before[-1:] == [" " * 60] or (place == 1 and before == [])
