"""Masks of the page: every kind and way to wear it, in any colour, print and light."""

import io

import numpy as np
import pytest
from PIL import Image

from index.app.masks import Masks, Worn, mask_choices, mask_spec
from index.app.uploads import Upload
from masking.datasets.images import decode_rgb, write_image
from masking.errors import InvalidConfig, NoFace, UnreadableImage
from masking.faces.finder import Face
from masking.landmarks import Image as Picture
from masking.masks.colours import LINEAR
from masking.masks.spec import KINDS, RIGID_STYLES, WEARING_STYLES, spec_from_json
from masking.rendering.render import PARTS
from tests.fakes.drawn_faces import OneDrawnFace, drawn_face
from tests.fakes.served_page import DrawnModels, upload


def pixels_of(png):
    return decode_rgb(png, "mask")


# Of the face that `drawn_face` draws in 200 px: its row and column.
MOUTH = tuple(drawn_face(200)[1].points[62].astype(int)[::-1])


@pytest.fixture
def masks(tmp_path):
    (tmp_path / "private").mkdir()
    yield Masks(DrawnModels(), tmp_path / "private")
    # What was there to be rendered does not stay.
    assert [*(tmp_path / "private").iterdir()] == []


@pytest.fixture
def sent(tmp_path):
    write_image(tmp_path / "face.png", drawn_face(200)[0])
    return upload(tmp_path / "face.png")


def test_a_mask_is_rendered_in_the_chosen_colour(masks, sent):
    picture, landmarks = drawn_face(200)
    red, green = (
        pixels_of(masks.masked_png(sent, Worn("cloth", colour=colour, seed=3)))
        for colour in ("#d01010", "#10d010")
    )
    assert red.shape == picture.shape
    assert red[MOUTH][0] > 1.5 * red[MOUTH][1]
    assert green[MOUTH][1] > 1.5 * green[MOUTH][0]
    forehead = int(landmarks.points[17:27, 1].min())
    assert (red[:forehead] == picture[:forehead]).all()


def test_an_own_picture_is_printed_on_what_is_fabric(masks, sent, tmp_path):
    write_image(tmp_path / "red.png", np.full((40, 40, 3), (210, 16, 16), np.uint8))
    red = upload(tmp_path / "red.png")
    for kind in ("cloth", "surgical", "gaiter"):
        pixels = pixels_of(masks.masked_png(sent, Worn(kind, texture=red)))
        assert pixels[MOUTH][0] > 1.5 * pixels[MOUTH][1]
    plain, same = (
        masks.masked_png(sent, Worn("sunglasses", texture=texture))
        for texture in (None, red)
    )
    assert plain == same
    text = Upload("note.txt", b"hello")
    with pytest.raises(UnreadableImage, match=r"^note\.txt: not an image"):
        masks.masked_png(sent, Worn("cloth", texture=text))


def test_prints_are_seen_and_others_refused(masks, sent):
    def contrast(print_name):
        worn = Worn("cloth", colour="#101010", print_name=print_name)
        pixels = pixels_of(masks.masked_png(sent, worn)).astype(float)
        row, column = MOUTH
        return pixels[row - 8 : row + 8, column - 25 : column + 25].std()

    plain = contrast("plain")
    for name in mask_choices()["prints"]:
        assert name == "plain" or contrast(name) > 3 * plain, name
    for wrong in ("image", "tartan"):
        with pytest.raises(InvalidConfig, match="unknown print"):
            Worn("cloth", print_name=wrong).spec()


def test_light_is_brighter_and_dimmer_on_the_mask_alone(masks, sent):
    dim, usual, bright = (
        pixels_of(masks.masked_png(sent, Worn(colour="#808080", light=light)))
        for light in (0.5, 1.0, 1.5)
    )
    means = [LINEAR[pixels[MOUTH]].mean() for pixels in (dim, usual, bright)]
    assert means[0] / means[1] == pytest.approx(0.5, abs=0.03)
    assert means[2] / means[1] == pytest.approx(1.5, abs=0.05)
    np.testing.assert_array_equal(dim[:40], bright[:40])
    for wrong in (0, -1, 5, float("nan")):
        with pytest.raises(InvalidConfig, match=r"light must be in \[0.25, 4\]"):
            Worn(light=wrong).spec()


def test_layers_and_the_label_tell_of_the_mask(masks, sent, tmp_path):
    write_image(tmp_path / "red.png", np.full((40, 40, 3), (210, 16, 16), np.uint8))
    worn = Worn("cloth", "nose_out", texture=upload(tmp_path / "red.png"), seed=2)
    files, label = masks.masked_files(sent, worn, "face", layers=True)
    assert [*files] == ["face.png", "face.alpha.png", "face.parts.png"]
    assert [label[key] for key in ("masked", "alpha", "parts")] == [*files]
    alpha, parts = (
        np.array(Image.open(io.BytesIO(files[label[key]])))
        for key in ("alpha", "parts")
    )
    assert alpha[MOUTH] == 255 and PARTS[parts[MOUTH]] == "fabric"
    assert alpha[:40].max() == parts[:40].max() == 0
    spec = spec_from_json(label["spec"])
    assert (spec.kind, spec.wearing_style) == ("cloth", "nose_out")
    # Named as it was sent, not where it lay.
    assert spec.texture == "red.png" and str(tmp_path) not in str(label)
    assert np.shape(label["landmarks"]) == (1, 68, 2)
    assert (label["photo"], label["light"]) == ("face.png", 1.0)
    files, label = masks.masked_files(sent, worn, "face", layers=False)
    assert [*files] == ["face.png"] and "alpha" not in label


def test_a_photo_without_a_face_is_named(masks, tmp_path):
    path = tmp_path / "black.png"
    write_image(path, np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(NoFace, match=r"^black\.png: no face found"):
        masks.masked_png(upload(path), Worn())


def test_the_faces_of_a_photo_are_found_once(sent, tmp_path):
    models, looks = DrawnModels(), []
    find = models.unmasked_finder.find

    class Counted(OneDrawnFace):
        def find(self, image: Picture) -> list[Face]:
            looks.append(image.shape)
            return find(image)

    models.unmasked_finder = Counted()
    masks = Masks(models, tmp_path)
    for kind in KINDS:
        masks.masked_png(sent, Worn(kind))
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
    for kind, wearing_styles in mask_choices()["kinds"].items():
        for wearing_style in wearing_styles:
            mask_spec(kind, wearing_style, "", 0)
    # Six kinds in five ways, the shield in two, five occluders in one.
    assert sum(map(len, mask_choices()["kinds"].values())) == 6 * 5 + 2 + 5
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
