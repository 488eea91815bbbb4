"""The overview frames every face of a photo in the colour of its answer."""

import numpy as np
import pytest

from index.identification.cards.overview_card import OverviewFace, draw_overview
from index.identification.cards.style import HEIGHT_PX, SURE, UNSURE, WIDTH_PX
from masking.faces.detector import FaceBox


def face(number, name="Somebody", **changes):
    box = FaceBox(100.0 * number, 50, 100.0 * number + 60, 110, 1.0, "drawn")
    chip = np.full((30, 30, 3), (30, 200 - 10 * number, 30), np.uint8)
    parts = {"nearest": "Nearest", "distance": 0.4}
    return OverviewFace(box, chip, name, **(parts | changes))


def draw(*faces):
    photo = np.full((160, max(300, 100 * len(faces)), 3), 120, np.uint8)
    return draw_overview(photo, "group.jpg", "A note.", faces)


def fraction(card, colour):
    return (np.abs(card.astype(int) - colour).max(axis=2) <= 2).mean()


def test_named_and_unknown_faces_are_told_apart():
    named = draw(face(0), face(1), face(2, probability=0.93))
    assert named.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert fraction(named, SURE) > 0.08 and fraction(named, UNSURE) == 0
    mixed = draw(face(0), face(1, None), face(2))
    # One unknown face makes the headline orange; frames keep their colours.
    assert fraction(mixed, UNSURE) > 0.08 and fraction(mixed, SURE) > 0.001


def test_every_chip_is_shown_up_to_the_end_of_the_list():
    for count, shown in ((10, 10), (16, 9)):
        card = draw(*(face(number) for number in range(count)))
        greens = card[:, :, 1][(card[:, :, 0] == 30) & (card[:, :, 2] == 30)]
        colours, sizes = np.unique(greens, return_counts=True)
        seen = set(colours[sizes > 3000].tolist())
        assert seen == {200 - 10 * number for number in range(shown)}


@pytest.mark.parametrize("name", ["", "x" * 200, "Zoë 李", "two\nlines", None])
def test_any_name_can_be_drawn(name):
    assert draw(face(0, name), face(1, name, nearest="")).shape[2] == 3
