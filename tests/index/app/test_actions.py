"""The page's actions do what the commands do, and say what a user did wrong."""

import numpy as np
import pytest

from index.app import actions as app_actions
from index.app.actions import AppActions, mask_spec
from masking.datasets.images import write_image
from masking.errors import InvalidConfig, MissingInput, NoFace
from masking.masks.spec import KINDS, RIGID_STYLES, WEARING_STYLES
from tests.fakes.drawn_faces import OneDrawnFace, drawn_face
from tests.fakes.faces_for_index import (
    BLUE,
    RED,
    ColourEmbedder,
    SquareFinder,
    draw_photo,
)


@pytest.fixture
def actions(tmp_path, monkeypatch):
    monkeypatch.setattr(app_actions, "default_finder", SquareFinder)
    monkeypatch.setattr(app_actions, "unmasked_finder", OneDrawnFace)
    return AppActions(tmp_path / "workspace", ColourEmbedder())


def test_enroll_list_identify_and_remove(actions, tmp_path):
    assert actions.people() == []
    red = draw_photo(tmp_path / "red.png", RED)
    nobody = draw_photo(tmp_path / "nobody.png")
    report = actions.enroll("Zoë 李", [red, red, nobody])
    assert report.startswith("Zoë 李: 1 photos added\n1 already enrolled\nskipped: ")
    ((name, photos, since),) = actions.people()
    assert (name, photos, len(since)) == ("Zoë 李", 1, len("2026-01-31"))

    answer = actions.identify(draw_photo(tmp_path / "probe.png", RED), heatmap=False)
    assert len(answer.lines) == len(answer.cards) == 1
    # The page shows names, not where the browser's upload lies.
    assert answer.lines[0].startswith("probe.png: Zoë 李 (")
    assert answer.cards[0].is_file()

    with pytest.raises(InvalidConfig, match="confirm it first"):
        actions.remove("Zoë 李", certain=False)
    assert actions.remove("Zoë 李", certain=True) == "Zoë 李 and 1 photos were erased."
    assert actions.people() == []


def test_a_photo_of_several_shows_the_card_of_all_first(actions, tmp_path):
    actions.enroll("Red", [draw_photo(tmp_path / "red.png", RED)])
    probe = draw_photo(tmp_path / "group.png", BLUE, RED)
    answer = actions.identify(probe, heatmap=True)
    assert [line.split(":")[0] for line in answer.lines] == [
        "group.png (face 1 of 2)",
        "group.png (face 2 of 2)",
    ]
    names = [card.name.rpartition("-")[2] for card in answer.cards]
    assert names == ["all.png", "face1.png", "face2.png"]


def test_mistakes_are_said(actions, tmp_path):
    with pytest.raises(MissingInput):
        actions.identify(draw_photo(tmp_path / "probe.png", RED), heatmap=False)
    with pytest.raises(MissingInput, match="no photograph was given"):
        actions.enroll("Red", [])
    with pytest.raises(InvalidConfig):
        actions.enroll("", [draw_photo(tmp_path / "red.png", RED)])
    with pytest.raises(MissingInput, match="no person was chosen"):
        actions.remove("", certain=True)
    with pytest.raises(MissingInput, match="no photograph was given"):
        actions.mask(None, "surgical", "correct", "", 0)
    write_image(tmp_path / "black.png", np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(NoFace, match=r"black\.png: no face found"):
        actions.mask(tmp_path / "black.png", "surgical", "correct", "", 0)


def test_a_mask_is_rendered_in_the_chosen_colour(actions, tmp_path):
    picture, landmarks = drawn_face(200)
    path = tmp_path / "face.png"
    write_image(path, picture)
    mouth = tuple(landmarks.points[62].astype(int)[::-1])
    red = actions.mask(path, "cloth", "correct", "#d01010", 3)
    green = actions.mask(path, "cloth", "correct", "#10d010", 3)
    assert red.shape == picture.shape
    assert red[mouth][0] > 1.5 * red[mouth][1]
    assert green[mouth][1] > 1.5 * green[mouth][0]
    forehead = int(landmarks.points[17:27, 1].min())
    assert (red[:forehead] == picture[:forehead]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wearing_style", WEARING_STYLES)
def test_every_kind_can_be_worn_in_every_way_that_it_has(kind, wearing_style):
    if kind == "shield" and wearing_style not in RIGID_STYLES:
        with pytest.raises(InvalidConfig, match="cannot be worn"):
            mask_spec(kind, wearing_style, "", 7)
        return
    spec = mask_spec(kind, wearing_style, "", 7)
    assert (spec.kind, spec.wearing_style) == (kind, wearing_style)
    assert (
        spec
        == mask_spec(kind, wearing_style, "", 7)
        != mask_spec(kind, wearing_style, "", 8)
    )


def test_colours_come_as_pages_state_them():
    # IEC 61966-2-1: 188 of 255 is half of the light.
    expected = pytest.approx((0.503, 0.0, 1.0), abs=0.002)
    for colour in ("#bc00ff", "rgb(188, 0, 255)", "rgba(188.2, 0, 255, 1)"):
        assert mask_spec("cloth", "correct", colour, 0).colour == expected
    with pytest.raises(InvalidConfig, match="cannot be worn"):
        mask_spec("cloth", "backwards", "", 0)


@pytest.mark.parametrize(
    "wrong",
    [
        *("#12", "red", "#gggggg", "#bc00ff\n", "rgb(1, 2)", "rgb(300, 0, 0)"),
        *("rgba(., 0, 0, 1)", "rgba(1.2.3, 0, 0, 1)", "rgba(1 2, 0, 0, 1)"),
        *("rgba(,,,)", "rgba(1, 2, 3, 4, 5)", "rgba(-1, 0, 0, 1)", "rgba()"),
        *(f"rgba({'9' * 400}, 0, 0, 1)", "rgb(\uff11, 2, 3)", "rgba(1, 2, 3, 1..2)"),
        *("rgb(255.5, 0, 0)", "rgb(nan, 0, 0)", "rgb(1e9, 0, 0)", " ", "\0"),
    ],
)
def test_what_is_no_colour_is_said_in_one_sentence(wrong):
    with pytest.raises(InvalidConfig, match="is no colour; expected #rrggbb") as told:
        mask_spec("cloth", "correct", wrong, 0)
    assert "\n" not in str(told.value) and len(str(told.value)) < 200


def test_colours_are_read_with_and_without_their_spaces():
    blue = mask_spec("cloth", "correct", "#0000ff", 0).colour
    for same in ("rgb(0,0,255)", "rgba( 0 , 0.4 , 255. , .5 )", "rgba(0, 0, 255, 50%)"):
        assert mask_spec("cloth", "correct", same, 0).colour == blue
