"""A card shows what it is told, whatever the photo and the names look like."""

import dataclasses

import numpy as np
import pytest

from index.identification.cards.canvas import percent, printable, text_width, two_lines
from index.identification.cards.result_card import CardCandidate, CardContent, draw_card
from index.identification.cards.style import HEIGHT_PX, WIDTH_PX
from masking.faces.detector import FaceBox

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
        note="Default threshold for 5 people, not calibrated for this model.",
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
    # The second person's photo fills the place of the large number.
    tile = card[680:930, 760:1010]
    assert fraction(tile, content.candidates[1].chip[0, 0]) == 1


def test_a_sentence_says_why_there_is_no_probability(content):
    place = slice(HEIGHT_PX - 70, HEIGHT_PX - 44)
    plain = draw_card(content)[place]
    said = draw_card(dataclasses.replace(content, no_probability="nobody measured it"))
    assert (plain == 255).all()
    assert (said[place] < 200).any()


def test_frame_lies_around_the_face(content):
    card = draw_card(content)
    photo = card[192:592]
    frame = (np.abs(photo.astype(int) - BLUE).max(axis=2) <= 2).nonzero()
    rows, columns = frame[0] + 192, frame[1]
    # The photo is 300 x 400 px, shown as it is in the middle of 400 rows from 192
    # and of 1080 columns; the face is at (100, 100) to (200, 220) in it.
    assert (columns.min(), columns.max()) == pytest.approx((490, 590), abs=3)
    assert (rows.min(), rows.max()) == pytest.approx((292, 412), abs=3)


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


def test_control_characters_are_replaced():
    assert printable("a\nb\udcff") == "a\ufffdb\ufffd"
    assert text_width("ab", 20) > text_width("a", 20) > 0


def test_heat_takes_the_place_of_the_large_number(content):
    heat = np.zeros((150, 150), np.float32)
    heat[:, :75] = 0.3
    plain = draw_card(content)
    warm = draw_card(dataclasses.replace(content, heat=heat))
    differs = (plain != warm).any(axis=2)
    rows, columns = np.nonzero(differs)
    assert differs[656:956, 732:1032].mean() > 0.5
    # The tile and its caption, nothing else.
    assert rows.min() >= 656 and rows.max() < 1026 and columns.min() >= 732


def test_probability_mask_and_gap_are_shown_where_they_are_known(content):
    facts = slice(1152, 1230)
    plain = draw_card(content)[facts]
    known = dataclasses.replace(content, probability=0.97, mask="masked", gap=9.0)
    shown = draw_card(known)[facts]
    ink = [int((part[:, 370:].min(axis=2) < 128).sum()) for part in (plain, shown)]
    assert ink[0] == 0 and ink[1] > 200


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
