"""Two photographs: the same person or not."""

from pathlib import Path

import pytest

from index.calibration.calibration import Decision, Match
from index.identification.answers import MATCH, NO_FACE, UNKNOWN, UNREADABLE, Answer
from index.identification.config import IdentifyConfig
from index.identification.verification import (
    Verifier,
    read_pairs,
    verification_line,
)
from masking.datasets.images import read_rgb
from masking.errors import BadRecord
from tests.fakes.faces_for_index import (
    BLUE,
    RED,
    ColourEmbedder,
    SquareFinder,
    draw_photo,
)


@pytest.fixture
def verifier(tmp_path):
    return Verifier(tmp_path / "w", ColourEmbedder(), SquareFinder(), IdentifyConfig())


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    return {
        "red": draw_photo(tmp_path / "red.png", RED),
        "also red": draw_photo(tmp_path / "also.png", (240, 8, 8)),
        "blue": draw_photo(tmp_path / "blue.png", BLUE),
        "both": draw_photo(tmp_path / "both.png", RED, BLUE),
        "nobody": draw_photo(tmp_path / "nobody.png"),
        "text": tmp_path / "text.jpg",
        "missing": tmp_path / "missing.jpg",
    }


@pytest.mark.parametrize(
    ("one", "other", "status"),
    [
        ("red", "also red", MATCH),
        ("also red", "red", MATCH),
        ("red", "red", MATCH),
        # The first square from the left is the most prominent.
        ("both", "also red", MATCH),
        ("red", "blue", UNKNOWN),
        ("red", "nobody", NO_FACE),
        ("nobody", "red", NO_FACE),
        ("text", "red", UNREADABLE),
        ("red", "missing", UNREADABLE),
    ],
)
def test_pairs(verifier, photos, one, other, status):
    pair = photos[one], photos[other]
    answer = verifier.verify(pair)
    assert answer.status == status
    line = verification_line(pair, answer)
    assert ("same person" in line) is (status == MATCH)
    assert ("different people" in line) is (status == UNKNOWN)


def test_the_sentence_says_of_two_photos_how_likely_they_are_of_one(photos):
    def line(status, probability, *names):
        match = Match("b.jpg", 1, 41.26, 0.5, False)
        decision = Decision(names, (match,), 0.0, True, None, probability)
        answer = Answer(Path("b.jpg"), status, face=1, decision=decision)
        return verification_line((Path("a.jpg"), Path("b.jpg")), answer)

    score = "(score +41.3, accepted from 0; higher is closer)"
    assert line(MATCH, 0.83, "b.jpg") == (
        f"a.jpg, b.jpg: same person, probability 83% {score}"
    )
    assert line(UNKNOWN, 0.12) == (
        f"a.jpg, b.jpg: different people, probability 12% that it is one {score}"
    )
    assert line(UNKNOWN, None) == f"a.jpg, b.jpg: different people {score}"


def test_card_shows_both_and_goes_by_either_hash(verifier, photos):
    card = verifier.verify((photos["red"], photos["blue"])).card
    assert read_rgb(card).shape == (1528, 1080, 3)
    from masking.datasets.images import file_sha256

    for name in ("red", "blue"):
        assert f"-{file_sha256(photos[name].read_bytes())[:8]}-" in card.name


@pytest.mark.parametrize(
    "text",
    ["a.jpg,b.jpg\n", "file_a;file_b\na.jpg;b.jpg\n", "\ufeffa.jpg\tb.jpg\n\n"],
)
def test_tables_of_pairs_have_a_header_or_none(tmp_path, text):
    (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
    pairs = [(tmp_path / "a.jpg", tmp_path / "b.jpg")]
    assert read_pairs(tmp_path / "pairs.csv") == pairs


@pytest.mark.parametrize("text", ["", "a.jpg\n", "file_a,file_b\na.jpg,\n"])
def test_tables_without_pairs(tmp_path, text):
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(BadRecord):
        read_pairs(tmp_path / "pairs.csv")
