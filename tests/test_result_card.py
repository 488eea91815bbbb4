"""A card shows what it is told, whatever the photo and the names look like."""

import dataclasses

import numpy as np
import pytest

from index.card_drawing import printable, text_width
from index.result_card import (
    HEIGHT_PX,
    WIDTH_PX,
    CardCandidate,
    CardContent,
    draw_card,
)
from masking.face_detection import FaceBox

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
        CardCandidate(f"Person_{i:02d}", 0.4 + 0.1 * i, flat(colour))
        for i, colour in enumerate(colours)
    )
    return CardContent(
        photo=flat((120, 130, 140), 400, 300),
        photo_name="masked.jpg",
        boxes=(FaceBox(100, 100, 200, 220, 1.0, "drawn"),),
        face=0,
        chip=flat((80, 60, 200)),
        name="Person_00",
        candidates=candidates,
        threshold=0.55,
        metric="euclidean",
        note="Default threshold for 5 people, not calibrated for this model.",
        seconds=0.4,
    )


def share(card, colour):
    return (np.abs(card.astype(int) - colour).max(axis=2) <= 2).mean()


def test_shows_photo_chip_and_every_candidate(content):
    card = draw_card(content)
    assert card.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert card.dtype == np.uint8
    assert share(card, (120, 130, 140)) > 0.1
    assert share(card, (80, 60, 200)) > 0.02
    for candidate in content.candidates:
        assert share(card, candidate.chip[0, 0]) > 0.01


def test_match_and_unknown_differ_in_colour(content):
    match = draw_card(content)
    unknown = draw_card(dataclasses.replace(content, name=None, threshold=0.3))
    assert share(match, BLUE) > 0.005 > share(match, ORANGE)
    assert share(unknown, ORANGE) > 0.005 > share(unknown, BLUE)


def test_frame_lies_around_the_face(content):
    card = draw_card(content)
    frame = (np.abs(card[:, :500].astype(int) - BLUE).max(axis=2) <= 2).nonzero()
    rows, columns = frame[0], frame[1]
    # The photo is 300 x 400 px shown 428 px wide at (52, 75.6): scale 1.427.
    assert (columns.min(), columns.max()) == pytest.approx((194.7, 337.3), abs=3)
    assert (rows.min(), rows.max()) == pytest.approx((218, 389), abs=3)


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
        content, name=name, photo_name=name, candidates=candidates
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
    few = dataclasses.replace(content, candidates=content.candidates[:count], name=None)
    assert draw_card(few).shape == (HEIGHT_PX, WIDTH_PX, 3)


@pytest.mark.parametrize("distance", [0.0, 0.5501, 30.0])
def test_score_beyond_the_scale_stays_on_the_card(content, distance):
    first = dataclasses.replace(content.candidates[0], distance=distance)
    far = dataclasses.replace(content, candidates=(first,), name=None)
    card = draw_card(far)
    assert share(card[:, WIDTH_PX - 30 :], ORANGE) == 0


def test_control_characters_are_replaced():
    assert printable("a\nb\udcff") == "a\ufffdb\ufffd"
    assert text_width("ab", 20) > text_width("a", 20) > 0
