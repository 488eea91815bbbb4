"""A card shows what it is told, whatever the photo and the names look like."""

import dataclasses

import numpy as np
import pytest

from index.identification.cards.canvas import (
    HEIGHT_PX,
    WIDTH_PX,
    percent,
    text_width,
    two_lines,
)
from index.identification.cards.result_card import CardCandidate, CardContent, draw_card
from masking.landmarks import FaceBox

BLUE, ORANGE = (17, 94, 163), (190, 82, 8)


def flat(colour, height=150, width=150):
    return np.full((height, width, 3), colour, dtype=np.uint8)


@pytest.fixture
def content():
    colours = [
        (200, 30, 30),
        (30, 200, 30),
        (200, 200, 30),
        (30, 200, 200),
        (90, 9, 90),
    ]
    candidates = tuple(
        CardCandidate(f"Person_{i:02d}", 12.0 - 9 * i, flat(colour))
        for i, colour in enumerate(colours)
    )
    return CardContent(
        photo=flat((120, 130, 140), 400, 300),
        photo_name="masked.jpg",
        boxes=(FaceBox(100, 100, 200, 220, 1.0, "drawn"),),
        face=0,
        chip=flat((80, 60, 200)),
        names=("Person_00",),
        candidates=candidates,
        accepted_from=0.0,
        notes=("Default threshold for 5 people.", "2026-11-28 · model a 1234"),
        circumstances="one face · 0.40 s",
    )


def fraction(card, colour):
    return (np.abs(card.astype(int) - colour).max(axis=2) <= 2).mean()


def test_shows_photo_chip_and_every_candidate(content):
    card = draw_card(content)
    assert card.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert card.dtype == np.uint8
    assert fraction(card, (120, 130, 140)) > 0.06
    assert fraction(card, (80, 60, 200)) > 0.02
    for candidate in content.candidates:
        assert fraction(card, candidate.chip[0, 0]) > 0.008


def test_match_and_unknown_differ_in_colour(content):
    match = draw_card(content)
    unknown = draw_card(dataclasses.replace(content, names=(), accepted_from=20.0))
    assert fraction(match, BLUE) > 0.005 > fraction(match, ORANGE)
    assert fraction(unknown, ORANGE) > 0.005 > fraction(unknown, BLUE)


def test_two_alike_are_shown_side_by_side(content):
    both = dataclasses.replace(
        content, names=("Person_00", "Person_01"), probability=0.5
    )
    card = draw_card(both)
    assert fraction(card, ORANGE) > 0.005 > fraction(card, BLUE)
    # The second person's photo is the third picture.
    tile = card[652:902, 760:1010]
    assert fraction(tile, content.candidates[1].chip[0, 0]) == 1


def test_a_sentence_says_why_there_is_no_probability(content):
    # The third line from below; each is 26 px high.
    place = slice(HEIGHT_PX - 90, HEIGHT_PX - 66)
    plain = draw_card(content)[place]
    said = draw_card(dataclasses.replace(content, no_probability="nobody measured it"))
    assert (plain == 255).all()
    assert (said[place] < 200).any()


def test_frame_lies_around_the_face(content):
    card = draw_card(content)
    photo = card[168:654]
    frame = (np.abs(photo.astype(int) - BLUE).max(axis=2) <= 2).nonzero()
    rows, columns = frame[0] + 168, frame[1]
    # The photo of 300 x 400 px is shown at 486 / 400 of its size in the middle of
    # 1080 columns; the face is at (100, 100) to (200, 220) in it.
    assert (columns.min(), columns.max()) == pytest.approx((479, 601), abs=3)
    assert (rows.min(), rows.max()) == pytest.approx((289, 435), abs=3)


def test_same_content_gives_the_same_card(content):
    np.testing.assert_array_equal(draw_card(content), draw_card(content))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 200,
        "Zoë Ωmega Ж",
        "李小",
        "שלום",
        "👩‍🚀",
        "two\nlines",
        "\udcff",
        "\x00",
    ],
)
def test_any_name_can_be_drawn(content, name):
    candidates = tuple(dataclasses.replace(c, name=name) for c in content.candidates)
    odd = dataclasses.replace(
        content, names=(name,), photo_name=name, candidates=candidates
    )
    assert draw_card(odd).shape == (HEIGHT_PX, WIDTH_PX, 3)


@pytest.mark.parametrize("size", [(1, 1), (2, 3000), (3000, 2), (4000, 3000)])
def test_any_photo_can_be_drawn(content, size):
    height, width = size
    box = FaceBox(-50, -50, width + 50.0, height + 50.0, 1.0, "drawn")
    outside = FaceBox(width + 9.0, 9, width + 20.0, 20, 1.0, "drawn")
    odd = dataclasses.replace(
        content, photo=flat((9, 9, 9), height, width), boxes=(box, outside)
    )
    assert draw_card(odd).shape == (HEIGHT_PX, WIDTH_PX, 3)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_candidates(content, count):
    few = dataclasses.replace(content, candidates=content.candidates[:count], names=())
    assert draw_card(few).shape == (HEIGHT_PX, WIDTH_PX, 3)


@pytest.mark.parametrize("score", [75.0, -0.01, -3000.0])
def test_score_beyond_the_scale_stays_on_the_card(content, score):
    first = dataclasses.replace(content.candidates[0], score=score)
    far = dataclasses.replace(content, candidates=(first,), names=())
    card = draw_card(far)
    assert fraction(card[200:, WIDTH_PX - 30 :], ORANGE) == 0


def test_heat_is_the_third_picture(content):
    heat = np.zeros((150, 150), np.float32)
    heat[:, :75] = 0.3
    # Below a photo of 400 px: tiles from 624 on, the third one from 732 on.
    tile = draw_card(dataclasses.replace(content, heat=heat))[624:924, 732:1032]
    orange = tile[:, :, 0].astype(int) - tile[:, :, 2]
    assert orange[20:280, 20:120].min() > 60
    assert np.abs(orange[20:280, 180:280]).max() < 20


def test_facts_stand_beside_the_pictures(content):
    # Three of 100 px each, from 710 on: the photo is 486 px high without a third tile.
    def ink(**changes):
        card = draw_card(dataclasses.replace(content, **changes))[:, 732:1032]
        rows = [card[710 + 100 * row : 792 + 100 * row] for row in range(3)]
        return [int((row.min(axis=2) < 128).sum()) for row in rows]

    none = ink(probability=None)
    assert none[0] > 200 and none[1:] == [0, 0]
    # A headline that says the probability leaves two facts.
    known = ink(probability=0.97, mask="no mask", gap=9.0)
    assert known[0] > 100 < known[1] and known[2] == 0
    unknown = ink(probability=0.24, mask="no mask", gap=9.0, names=())
    assert min(unknown) > 100


def test_without_others_the_photo_fills_the_sheet(content):
    # 168 + 400 + 86 for the facts + 190 for the candidates; 1 px for the rim.
    alone = dataclasses.replace(content, candidates=content.candidates[:1])
    photo = np.abs(draw_card(alone).astype(int) - (120, 130, 140)).max(axis=2) <= 2
    assert photo[:900, 540].nonzero()[0].max() == pytest.approx(843, abs=1)


def test_a_find_that_is_hardly_a_face_is_said_to_be_one(content):
    (box,) = content.boxes
    doubtful = (dataclasses.replace(box, score=0.79),)
    label = slice(30, 64)

    def drawn(**changes):
        return draw_card(dataclasses.replace(content, **changes))[label]

    unknown = drawn(names=())
    assert (unknown != drawn(names=(), boxes=doubtful)).any()
    # Who is named is a face.
    np.testing.assert_array_equal(drawn(), drawn(boxes=doubtful))


def test_most_of_the_sheet_stays_white(content):
    white = dataclasses.replace(
        content,
        photo=flat((255, 255, 255), 400, 980),
        chip=flat((255, 255, 255)),
        candidates=tuple(
            dataclasses.replace(one, chip=flat((255, 255, 255)))
            for one in content.candidates
        ),
    )
    ink = 1 - draw_card(white).mean() / 255
    # A filled headline alone would take a tenth of the sheet.
    assert ink < 0.06


def test_probabilities_are_never_certain():
    shown = [
        percent(fraction) for fraction in (0.0, 0.004, 0.01, 0.5, 0.99, 0.991, 1.0)
    ]
    assert shown == ["<1%", "<1%", "1%", "50%", "99%", "over 99%", "over 99%"]


def test_long_names_break_at_a_blank():
    name = "Maximiliane von Hohenstein"
    width = text_width("Maximiliane von Hoh", 30)
    assert two_lines(name, 30, width) == ("Maximiliane von", "Hohenstein")
    assert two_lines(name, 30, 2000) == (name, "")
    first, rest = two_lines("x" * 50, 30, text_width("x" * 20, 30))
    assert (len(first), len(rest)) == (20, 30)


def test_names_break_behind_a_hyphen_and_shrink_before_a_word_is_broken():
    width = text_width("Schwarzenberger-Witt", 22)
    name = "Schwarzenberger-Wittelsbach"
    assert two_lines(name, 22, width) == ("Schwarzenberger-", "Wittelsbach")
    word = "Konstantinopolitanski"
    width = text_width(word[:-1], 22)
    assert two_lines(word, 22, width, smallest=15) == (word, "")
    assert two_lines(f"{word}-Nord", 22, width, smallest=15) == (f"{word}-", "Nord")
    assert two_lines(f"{word} von", 22, width, smallest=15) == (word, "von")
    # Letters that were smaller still would not be read.
    assert two_lines(word, 22, width) == (word[:-1], "i")
