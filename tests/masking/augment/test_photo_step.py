"""Whole photographs: several masks on one, files like the source's."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from masking.augment.photo_step import (
    PhotoFormat,
    encode_alpha,
    encode_parts,
    encode_photo,
    format_of,
    render_faces,
)
from masking.landmarks import Landmarks
from masking.masks.colours import LINEAR
from masking.masks.spec import SpecConfig, draw_all, draw_specs, sample_rng
from masking.rendering.render import PARTS, render
from tests.fakes.drawn_faces import drawn_face
from tests.fakes.drawn_hair import MARKS, haired_face, px_at


def specs(number, **options):
    return draw_specs(sample_rng(number, "photo"), SpecConfig(**options))


def opened(data):
    return Pillow.open(io.BytesIO(data))


def encoded(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def ramp(mode="RGB"):
    pixels = np.zeros((40, 48, 3), np.uint8)
    pixels[..., 0] = np.arange(48) * 5
    pixels[..., 2] = np.arange(40)[:, None] * 6
    return Pillow.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("quality", [30, 75, 92])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_keeps_the_quality_of_its_source(quality, subsampling):
    profile = b"a profile of colours"
    source = encoded(
        ramp(), "JPEG", quality=quality, subsampling=subsampling, icc_profile=profile
    )
    made = encode_photo(np.array(opened(source)), format_of(source))
    assert opened(made).quantization == opened(source).quantization
    assert JpegImagePlugin.get_sampling(opened(made)) == subsampling
    assert opened(made).info["icc_profile"] == profile
    # The same tables lose next to nothing a second time.
    error = np.abs(np.array(opened(made), int) - np.array(opened(source), int))
    assert error.mean() < 1


def test_a_grey_jpeg_becomes_a_colour_one_with_its_table():
    source = encoded(ramp("L"), "JPEG", quality=40)
    target = format_of(source)
    assert len(target.tables) == 1
    made = opened(encode_photo(np.array(ramp()), target))
    assert made.mode == "RGB"
    assert {tuple(t) for t in made.quantization.values()} == {tuple(target.tables[0])}


def test_a_jpeg_of_inks_is_written_at_high_quality():
    assert format_of(encoded(ramp("CMYK"), "JPEG", quality=30)) == PhotoFormat(".jpg")
    made = opened(encode_photo(np.array(ramp()), PhotoFormat(".jpg")))
    assert max(max(table) for table in made.quantization.values()) < 20
    assert JpegImagePlugin.get_sampling(made) == 0


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "TIFF"])
def test_other_sources_become_png(kind):
    target = format_of(encoded(ramp(), kind))
    assert target.suffix == ".png"
    made = opened(encode_photo(np.array(ramp()), target))
    np.testing.assert_array_equal(np.array(made), np.array(ramp()))


def two_faces():
    """A picture 500 px wide: a large face left, a small one right."""
    large, left = drawn_face(300)
    small, right = drawn_face(200)
    picture = np.zeros((300, 500, 3), np.uint8)
    picture[:, :300], picture[:200, 300:] = large, small
    return picture, left, Landmarks(right.points + np.array([300, 0], np.float32))


def test_each_face_wears_its_own():
    picture, left, right = two_faces()
    worn = [specs(1, kinds=("cloth",)), specs(2, kinds=("surgical",))]
    sample, reasons = render_faces(picture, [(left, worn[0]), (right, worn[1])])
    assert reasons == ["", ""]
    both = render(render(picture, right, worn[1]).pixels, left, worn[0]).pixels
    np.testing.assert_array_equal(sample.pixels, both)
    mouths = [tuple(marks.points[62].astype(int)) for marks in (left, right)]
    for x, y in mouths:
        assert sample.alpha[y, x] > 0.9
        assert PARTS[sample.parts[y, x]] == "fabric"
    assert 0.05 < (sample.alpha > 0).mean() < 0.5
    assert sample.specs == (*worn[1], *worn[0])


def test_light_falls_on_what_is_worn_alone():
    picture, left, _ = two_faces()
    worn = specs(1, kinds=("surgical",), wrongly_worn=0.0)
    usual, dim = (render_faces(picture, [(left, worn)], light)[0] for light in (1, 0.5))
    x, y = left.points[62].astype(int)
    share = LINEAR[dim.pixels[y, x]].mean() / LINEAR[usual.pixels[y, x]].mean()
    assert share == pytest.approx(0.5, abs=0.03)
    np.testing.assert_array_equal(dim.pixels[:, 300:], picture[:, 300:])


def test_a_face_outside_of_the_picture_is_told_and_the_others_are_rendered():
    picture, left, right = two_faces()
    outside = Landmarks(right.points + np.array([5000, 0], np.float32))
    sample, reasons = render_faces(
        picture, [(outside, specs(1)), (left, specs(2, wrongly_worn=0.0))]
    )
    assert "outside of the picture" in reasons[0]
    assert reasons[1] == ""
    assert len(sample.specs) == 1
    assert sample.alpha.max() > 0.9
    unmasked, reasons = render_faces(picture, [(outside, specs(1))])
    np.testing.assert_array_equal(unmasked.pixels, picture)
    assert unmasked.alpha.max() == unmasked.parts.max() == 0


def test_alpha_and_parts_are_read_as_they_were_written():
    alpha = np.array([[0, 0.25, 0.5, 1]], np.float32)
    picture = opened(encode_alpha(alpha))
    assert (picture.format, picture.mode) == ("PNG", "L")
    assert np.array(picture).tolist() == [[0, 64, 128, 255]]
    parts = np.arange(len(PARTS), dtype=np.uint8)[None]
    picture = opened(encode_parts(parts))
    assert (picture.format, picture.mode) == ("PNG", "P")
    assert np.array(picture).tolist() == parts.tolist()
    colours = np.array(picture.convert("RGB"))[0]
    assert len({tuple(colour) for colour in colours.tolist()}) == len(PARTS)
    assert colours[0].tolist() == [0, 0, 0]


def test_hair_before_the_cheek_is_before_the_mask_in_files():
    pixels = haired_face(strand=True)
    (specs,) = draw_all(0, ["x"], SpecConfig(("surgical",), wrongly_worn=0))
    sample, _ = render_faces(pixels, [(MARKS, specs)])
    x, y = px_at(0.90, 0.62)
    np.testing.assert_array_equal(sample.pixels[y, x], pixels[y, x])
    assert sample.alpha[y, x] == sample.parts[y, x] == 0
    assert sample.alpha.max() > 0.99
