"""Masks of the page: every kind, worn in every way that it has, in any colour."""

import numpy as np
import pytest

from index.app.masks import Masks, mask_choices, mask_spec
from masking.datasets.image_decoding import decode_rgb
from masking.datasets.images import write_image
from masking.errors import InvalidConfig, NoFace
from masking.faces.finder import Face
from masking.landmarks import Image
from masking.masks.spec import KINDS, RIGID_STYLES, WEARING_STYLES
from tests.fakes.drawn_faces import OneDrawnFace, drawn_face
from tests.fakes.served_page import DrawnModels, upload


def pixels_of(png: bytes) -> Image:
    return decode_rgb(png, "mask")


def test_a_mask_is_rendered_in_the_chosen_colour(tmp_path):
    picture, landmarks = drawn_face(200)
    path = tmp_path / "face.png"
    write_image(path, picture)
    masks, sent = Masks(DrawnModels()), upload(path)
    mouth = tuple(landmarks.points[62].astype(int)[::-1])
    red, green = (
        pixels_of(masks.masked_png(sent, "cloth", "correct", colour, 3))
        for colour in ("#d01010", "#10d010")
    )
    assert red.shape == picture.shape
    assert red[mouth][0] > 1.5 * red[mouth][1]
    assert green[mouth][1] > 1.5 * green[mouth][0]
    forehead = int(landmarks.points[17:27, 1].min())
    assert (red[:forehead] == picture[:forehead]).all()


def test_a_photo_without_a_face_is_named(tmp_path):
    path = tmp_path / "black.png"
    write_image(path, np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(NoFace, match=r"^black\.png: no face found"):
        Masks(DrawnModels()).masked_png(upload(path), "surgical", "correct", "", 0)


def test_the_faces_of_a_photo_are_found_once(tmp_path):
    path = tmp_path / "face.png"
    write_image(path, drawn_face(200)[0])
    models, looks = DrawnModels(), []
    find = models.unmasked_finder.find

    class Counted(OneDrawnFace):
        def find(self, image: Image) -> list[Face]:
            looks.append(image.shape)
            return find(image)

    models.unmasked_finder = Counted()
    masks = Masks(models)
    for kind in KINDS:
        masks.masked_png(upload(path), kind, "correct", "", 0)
    assert len(looks) == 1


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


def test_no_pair_is_offered_that_cannot_be_worn():
    for kind, wearing_styles in mask_choices().items():
        for wearing_style in wearing_styles:
            mask_spec(kind, wearing_style, "", 0)
    # Six kinds in five ways, the shield in two, five occluders in one.
    assert sum(map(len, mask_choices().values())) == 6 * 5 + 2 + 5
    with pytest.raises(InvalidConfig, match="mask kinds hand"):
        mask_spec("hand", "crooked", "", 0)


def test_colours_are_those_of_the_screen():
    # IEC 61966-2-1: 188 of 255 is half of the light.
    expected = pytest.approx((0.503, 0.0, 1.0), abs=0.002)
    assert mask_spec("cloth", "correct", "#bc00ff", 0).colour == expected


@pytest.mark.parametrize("wrong", ["#12", "red", "#gggggg", "#bc00ff\n", " ", "\0"])
def test_what_is_no_colour_is_said_in_one_sentence(wrong):
    with pytest.raises(InvalidConfig, match="is no colour; expected #rrggbb") as told:
        mask_spec("cloth", "correct", wrong, 0)
    assert "\n" not in str(told.value)


def test_a_seed_is_no_negative_number():
    with pytest.raises(InvalidConfig, match="seed must be at least 0"):
        mask_spec("cloth", "correct", "", -1)
    with pytest.raises(InvalidConfig, match="cannot be worn"):
        mask_spec("cloth", "backwards", "", 0)
