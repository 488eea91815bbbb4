"""The overview frames every face of a photo in the colour of its answer."""

import numpy as np
import pytest

from index.identification.cards.canvas import HEIGHT_PX, SURE, UNSURE, WIDTH_PX
from index.identification.cards.overview_card import OverviewFace, draw_overview
from index.identification.cards.result_card import _tag
from masking.landmarks import FaceBox


def face(number, *names, **changes):
    box = FaceBox(100.0 * number, 50, 100.0 * number + 60, 110, 1.0, "drawn")
    chip = np.full((30, 30, 3), (30, 200 - 10 * number, 30), np.uint8)
    parts = {"answer": " or ".join(names) or "unknown", "nearest": "Nearest"}
    return OverviewFace(box, chip, names, **(parts | {"score": -4.0} | changes))


def draw(*faces):
    photo = np.full((160, max(300, 100 * len(faces)), 3), 120, np.uint8)
    return draw_overview(photo, "group.jpg", ("A note.",), faces)


def fraction(card, colour):
    return (np.abs(card.astype(int) - colour).max(axis=2) <= 2).mean()


def test_named_and_unknown_faces_are_told_apart():
    named = draw(face(0, "A"), face(1, "B"), face(2, "C", probability=0.93))
    assert named.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert fraction(named, SURE) > 0.01 and fraction(named, UNSURE) == 0
    for doubt in (face(1), face(1, "B", "C")):
        mixed = draw(face(0, "A"), doubt, face(2, "D"))
        # One face in doubt makes the headline orange; frames keep their colours.
        assert fraction(mixed, UNSURE) > 0.01 and fraction(mixed, SURE) > 0.001


def test_every_chip_is_shown_up_to_the_end_of_the_list():
    for count, shown in ((2, 2), (12, 12), (16, 11)):
        card = draw(*(face(number) for number in range(count)))
        greens = card[:, :, 1][(card[:, :, 0] == 30) & (card[:, :, 2] == 30)]
        colours, sizes = np.unique(greens, return_counts=True)
        seen = set(colours[sizes > 2500].tolist())
        assert seen == {200 - 10 * number for number in range(shown)}


@pytest.mark.parametrize("name", ["", "x" * 200, "Zoë 李", "two\nlines", None])
def test_any_name_can_be_drawn(name):
    names = [name] if name is not None else []
    assert draw(face(0, *names), face(1, *names, nearest="")).shape[2] == 3


def test_the_list_reaches_the_foot_for_two_as_for_twelve():
    for count in (2, 6, 12):
        card = draw(*(face(number) for number in range(count)))
        chips = (card[:, :, 0] == 30) & (card[:, :, 2] == 30)
        assert 1340 < chips[700:].any(axis=1).nonzero()[0].max() + 700 < 1436


def test_labels_stay_inside_and_cover_no_face_and_no_other():
    frames = [(100.0, 60.0, 160.0, 120.0), (170.0, 60.0, 230.0, 120.0)]
    picture = (90.0, 0.0, 300.0, 200.0)
    long, short = "1 Maximiliane von Hohenstein", "1"
    # Too long for the picture: the number stands above, at the left.
    box, text = _tag(frames[0], (long, short), picture, [frames[1]])
    assert text == short and box[:2] == (100.0, 60.0 - 32 - 3)
    # Above is another label: below.
    above = (0.0, 0.0, 400.0, 50.0)
    box, text = _tag(frames[0], (short,), picture, [frames[1], above])
    assert box[1] == 123.0
    # Nowhere: in a corner of its own frame.
    box, text = _tag(frames[0], (short,), picture, [above, (0, 122, 400, 200)])
    assert (text, box[:2]) == (short, (100.0, 60.0))
