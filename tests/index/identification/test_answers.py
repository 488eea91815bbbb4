"""The table has a line for every answer, complete as soon as it is known."""

import csv
from pathlib import Path

import pytest

from index.calibration.calibration import Decision, Match
from index.identification.answers import (
    COLUMNS,
    MATCH,
    NO_FACE,
    UNKNOWN,
    Answer,
    Span,
    answer_table,
)
from masking.errors import InvalidConfig, ToolkitError
from masking.landmarks import FaceBox

BOX = FaceBox(1.0, 2.0, 3.5, 4.0, 1.0, "drawn")


def answer(name, **changes):
    matches = (Match("Zoë, 李", 1, 12.5, 0.41),)
    names = () if name is None else (name,)
    decision = Decision(names, matches, 5.0, True, probability=0.875, gap=0.1)
    status = UNKNOWN if name is None else MATCH
    return Answer(Path("a.jpg"), status, "", 1, 1, BOX, decision, **changes)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_kind_of_answer_has_its_line(tmp_path):
    path = tmp_path / "new" / "answers.csv"
    with answer_table(path) as write:
        write(answer("Zoë, 李", card=Path("card.png")))
        # Already there, while others are still to come.
        assert len(rows(path)) == 1
        write(answer(None, span=Span(1.5, 3.25, 7)))
        write(Answer(Path("b.jpg"), NO_FACE, "b.jpg: no face found."))
    named, unknown, nobody = rows(path)
    assert tuple(named) == COLUMNS
    assert named["name"] == named["nearest"] == "Zoë, 李"
    assert (named["score"], named["accepted_from"]) == ("12.5000", "5")
    assert (named["distance"], named["gap"]) == ("0.4100", "0.1000")
    assert named["probability"] == "0.8750"
    assert (named["left"], named["right"], named["card"]) == ("1.0", "3.5", "card.png")
    assert (unknown["status"], unknown["name"]) == ("unknown", "")
    assert (unknown["first_s"], unknown["last_s"]) == ("1.50", "3.25")
    assert (nobody["face"], nobody["reason"]) == ("", "b.jpg: no face found.")


@pytest.mark.parametrize("first", "=+-@\t\r\uff1d")
def test_no_cell_is_a_formula(tmp_path, first):
    path = tmp_path / "answers.csv"
    name = f"{first}1+2"
    decision = Decision((name,), (Match(name, 1, -0.25, 0.4),), 0.0, False)
    card, box = Path(f"{name}.png"), FaceBox(-1.0, 2, 3, 4, 1.0, "drawn")
    with answer_table(path) as write:
        write(Answer(Path(name), MATCH, name, 1, 1, box, decision, card))
    (row,) = rows(path)
    for column in ("photo", "name", "nearest", "reason"):
        assert row[column] == f"'{name}"
    assert row["card"] == f"'{name}.png"
    # Numbers stay numbers.
    assert (row["left"], row["score"]) == ("-1.0", "-0.2500")


def test_names_that_are_no_text_and_places_that_cannot_be_written(tmp_path):
    path = tmp_path / "answers.csv"
    with answer_table(path) as write:
        write(Answer(Path("caf\udce9.jpg"), NO_FACE, ""))
    assert b"caf\xe9.jpg" in path.read_bytes()
    with pytest.raises(ToolkitError, match="cannot be written"):
        answer_table(path / "below.csv").__enter__()


def test_a_photograph_is_not_replaced_by_a_table(tmp_path):
    photo = tmp_path / "1.jpg"
    photo.write_bytes(b"photo")
    with (
        pytest.raises(InvalidConfig, match="is named like a photograph"),
        answer_table(photo),
    ):
        pass
    assert photo.read_bytes() == b"photo"
