"""Synthetic masks blend without a halo, anywhere, at any size, and only on the mask."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from masking.datasets.images import write_image
from masking.errors import BadRecord, NoFace
from masking.faces.alignment import warp
from masking.landmarks import Landmarks
from masking.masks.patterns import list_textures, texture_tile
from masking.masks.spec import (
    KINDS,
    MASKS,
    OCCLUDERS,
    WEARING_STYLES,
    SpecConfig,
    draw_occluder,
    draw_specs,
    sample_rng,
)
from masking.rendering.photo_light import look_from_list
from masking.rendering.render import PARTS, photo_look, render
from tests.fakes.drawn_faces import drawn_face

# A contact shadow ends where it takes less than a hundredth of the light.
SHADOW_PX = 18


def spec_of(kind, wearing_style="correct", number=0):
    spec = draw_specs(sample_rng(number, kind), SpecConfig((kind,), wrongly_worn=0))[0]
    return replace(spec, wearing_style=wearing_style)


def grown(area, px):
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1, 2 * px + 1))
    return cv2.dilate(area.astype(np.uint8), kernel) > 0


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("wearing_style", WEARING_STYLES)
def test_rendering_leaves_the_rest_of_the_face_alone(kind, wearing_style):
    picture, landmarks = drawn_face(150, fraction=0.6)
    before = picture.copy()
    sample = render(picture, landmarks, (spec_of(kind, wearing_style),))
    np.testing.assert_array_equal(picture, before)
    assert sample.pixels.shape == picture.shape
    assert sample.alpha.shape == picture.shape[:2]
    assert (sample.alpha.dtype, sample.pixels.dtype) == (np.float32, np.uint8)
    assert sample.alpha.min() == 0
    assert sample.alpha.max() == 1
    outside = ~grown(sample.alpha > 0, SHADOW_PX)
    np.testing.assert_array_equal(sample.pixels[outside], picture[outside])
    assert outside.mean() > 0.1
    covered = sample.alpha > 0.5
    assert 0.1 < covered.mean() < 0.7
    change = np.abs(sample.pixels[covered].astype(int) - picture[covered]).mean()
    assert change > 5


def test_beside_the_mask_there_is_only_shadow():
    picture, landmarks = drawn_face(150, fraction=0.6)
    sample = render(picture, landmarks, (spec_of("surgical"),))
    beside = sample.alpha == 0
    brighter = sample.pixels[beside].astype(int) - picture[beside]
    assert brighter.max() <= 1
    assert brighter.min() < -10


@pytest.mark.parametrize("brightness", [235, 255])
def test_shadows_on_white_begin_softly(brightness):
    """A bright wall keeps its brightness up to the shadow and through its rim."""
    picture, landmarks = drawn_face(300)
    picture = np.full_like(picture, brightness)
    sample = render(picture, landmarks, (spec_of("cloth"),))
    lost = brightness - sample.pixels[sample.alpha == 0].astype(int)
    assert lost.min() == 0
    faint = np.unique(lost[lost > 0])
    # The last hundredth of the light is about one step of 255.
    assert faint[0] <= 2
    assert {1, 2, 3, 4} & set(faint.tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_input_gives_the_same_bytes(kind):
    picture, landmarks = drawn_face(150)
    rng, kept, results = np.random.default_rng(0), [], set()
    for _ in range(12):
        sample = render(picture.copy(), Landmarks(landmarks.points), (spec_of(kind),))
        assert sample.specs == (spec_of(kind),)
        results.add((sample.pixels.tobytes(), sample.alpha.tobytes()))
        # Arrays lie elsewhere in memory the next time: that must not matter.
        kept.append(np.empty(int(rng.integers(1, 500_000)), np.uint8))
    assert len(results) == 1


def test_fabric_has_the_stains_of_a_camera_and_none_on_a_grey_photograph():
    """Red less blue on plain black cloth, whose own colours differ by nothing."""
    picture, landmarks = drawn_face(300)
    plain = {"colour": (0.03,) * 3, "print_name": "plain", "valve": False}
    spec = replace(spec_of("ffp2"), **plain)
    grey = picture.copy()
    grey[...] = picture.mean(axis=-1, keepdims=True)
    uneven = []
    for photo in (picture, grey):
        sample = render(photo, landmarks, (spec,))
        shown = sample.pixels[sample.alpha == 1].astype(int)
        uneven.append((shown[:, 0] - shown[:, 2]).std())
    assert uneven[0] > 2.0
    assert uneven[1] < 0.5


def test_another_seed_folds_the_same_mask_otherwise():
    picture, landmarks = drawn_face(150)
    changed = replace(spec_of("cloth"), seed=1)
    assert (
        render(picture, landmarks, (changed,)).pixels.tobytes()
        != render(picture, landmarks, (spec_of("cloth"),)).pixels.tobytes()
    )


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("skin", ["light", "dark", "white"])
def test_no_rim_pixel_is_brighter_than_skin_and_mask(kind, skin):
    """The blend is convex: an edge lies between its two sides, or in shadow."""
    picture, landmarks = drawn_face(300)
    if skin == "dark":
        picture = picture // 4
    elif skin == "white":
        picture = 255 - (255 - picture) // 8
    # A print or a strap may be brighter at the rim than the fabric beside it.
    spec = spec_of(kind, number=3)
    spec = replace(spec, print_name="plain", strap=spec.colour)
    sample = render(picture, landmarks, (spec,))
    luma = sample.pixels.astype(np.float32).mean(axis=2)
    rim = (sample.alpha > 0.02) & (sample.alpha < 0.98)
    fabric = np.where(sample.alpha >= 0.98, luma, 0)
    around = cv2.dilate(fabric, np.ones((9, 9), np.uint8))
    skin = cv2.dilate(picture.astype(np.float32).mean(axis=2), np.ones((3, 3)))
    body = cv2.erode((sample.alpha > 0.5).astype(np.uint8), np.ones((9, 9))) > 0
    # Straps are thinner than their own blur: nowhere are they without skin.
    rim &= grown(body, 6)
    excess = luma[rim] - np.maximum(around, skin)[rim]
    assert rim.sum() > 200
    assert excess.max() < 3


def turned_by(degrees, side_px):
    turn = np.deg2rad(degrees)
    matrix = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]]
    )
    middle = np.full(2, side_px / 2 - 0.5)
    matrix[:, 2] = middle - matrix[:, :2] @ middle
    return matrix


@pytest.mark.parametrize("kind", ["surgical", "ffp2", "kn95"])
@pytest.mark.parametrize("degrees", [45, 90, 180, -110])
def test_the_mask_turns_with_the_face(kind, degrees):
    picture, landmarks = drawn_face(300, fraction=0.4)
    matrix, spec = turned_by(degrees, 300), spec_of(kind)
    upright = render(picture, landmarks, (spec,))
    turned = render(warp(picture, matrix, 300), landmarks.moved(matrix), (spec,))
    expected = cv2.warpAffine(upright.alpha, matrix, (300, 300))
    error = np.abs(turned.alpha - expected)
    assert error.mean() < 0.02 * expected.mean()
    both = ((turned.alpha > 0.5) & (expected > 0.5)).sum()
    either = ((turned.alpha > 0.5) | (expected > 0.5)).sum()
    assert both > 0.98 * either
    # The test would see a mask that stayed upright.
    assert np.abs(upright.alpha - expected).mean() > 0.1 * expected.mean()
    repainted = warp(upright.pixels, matrix, 300)
    inside = cv2.erode((turned.alpha > 0.99).astype(np.uint8), np.ones((5, 5))) > 0
    difference = np.abs(turned.pixels[inside].astype(int) - repainted[inside])
    assert difference.mean() < 8


@pytest.mark.parametrize("kind", KINDS)
def test_size_does_not_matter(kind):
    spec, fractions, colours = spec_of(kind), [], []
    for side in (64, 250, 1000):
        picture, landmarks = drawn_face(side)
        sample = render(picture, landmarks, (spec,))
        fractions.append(float(sample.alpha.mean()))
        colours.append(sample.pixels[sample.alpha > 0.9].mean(axis=0))
    assert 0.05 < fractions[1] < 0.5
    np.testing.assert_allclose(fractions, fractions[1], rtol=0.05)
    np.testing.assert_allclose(colours, [colours[1]] * 3, atol=12)


def test_a_grey_photo_stays_grey():
    picture, landmarks = drawn_face(150)
    grey = np.repeat(picture.mean(axis=2).astype(np.uint8)[:, :, None], 3, axis=2)
    spec = replace(spec_of("cloth"), colour=(0.7, 0.1, 0.1), second=(0.1, 0.1, 0.7))
    pixels = render(grey, landmarks, (spec,)).pixels.astype(int)
    assert np.ptp(pixels, axis=2).max() <= 1
    # On the colour photo the same mask is red and blue.
    colour = render(picture, landmarks, (spec,)).pixels.astype(int)
    assert np.ptp(colour, axis=2).max() > 60


def test_masks_are_lit_like_the_face():
    picture, landmarks = drawn_face(300)
    spec = replace(spec_of("surgical"), print_name="plain", colour=(0.5, 0.5, 0.5))
    left_light = render(picture, landmarks, (spec,))
    light = (
        np.linspace(0.35, 1.2, 300)[None, :, None]
        / np.linspace(1.1, 0.8, 300)[None, :, None]
    )
    other = np.clip(picture * light, 0, 255).astype(np.uint8)
    right_light = render(other, landmarks, (spec,))
    covered = left_light.alpha > 0.99
    columns = np.nonzero(covered)[1]
    on_left = columns < np.percentile(columns, 25)
    on_right = columns > np.percentile(columns, 75)

    def slope(sample):
        luma = sample.pixels[covered].mean(axis=1)
        return luma[on_right].mean() - luma[on_left].mean()

    assert slope(right_light) > slope(left_light) + 20


def test_dark_photos_get_dark_masks():
    picture, landmarks = drawn_face(150)
    bright = render(picture, landmarks, (spec_of("ffp2"),))
    dark = render(picture // 4, landmarks, (spec_of("ffp2"),))
    covered = bright.alpha > 0.9
    assert dark.pixels[covered].mean() < 0.75 * bright.pixels[covered].mean()


def test_faces_at_the_border_are_rendered_as_far_as_they_are_seen():
    picture, landmarks = drawn_face(300)
    whole = render(picture, landmarks, (spec_of("surgical"),))
    cut = np.ascontiguousarray(picture[:, 130:])
    moved = Landmarks(landmarks.points - np.array([130, 0], np.float32))
    part = render(cut, moved, (spec_of("surgical"),))
    assert np.abs(part.alpha - whole.alpha[:, 130:]).mean() < 0.01
    assert part.alpha[:, 0].max() == 1


def test_landmarks_outside_of_the_picture_are_no_face():
    picture, landmarks = drawn_face(100)
    for away in ((1000, 0), (-1000, 0), (0, 1000), (0, -1000)):
        outside = Landmarks(landmarks.points + np.array(away, np.float32))
        with pytest.raises(NoFace, match="outside of the picture"):
            render(picture, outside, (spec_of("cloth"),))


def test_pictures_without_any_light_or_detail_are_rendered():
    for brightness in (0, 128, 255):
        picture = np.full((120, 120, 3), brightness, np.uint8)
        sample = render(picture, drawn_face(120)[1], (spec_of("kn95"),))
        assert sample.alpha.max() == 1
        assert np.isfinite(sample.alpha).all()


def test_parts_name_what_each_pixel_shows():
    picture, landmarks = drawn_face(300)
    spec = replace(spec_of("ffp2"), valve=True)
    sample = render(picture, landmarks, (spec,))
    shown = {PARTS[index] for index in np.unique(sample.parts)}
    assert shown == {"none", "fabric", "strap", "valve"}
    np.testing.assert_array_equal(sample.parts > 0, sample.alpha >= 0.5)
    without = render(picture, landmarks, (replace(spec, valve=False),))
    assert PARTS.index("valve") not in without.parts


def test_a_visor_lets_the_face_through():
    picture, landmarks = drawn_face(300)
    sample = render(picture, landmarks, (spec_of("shield"),))
    behind = sample.parts == PARTS.index("visor")
    assert behind.mean() > 0.2
    # At the level of the eyes and mouth it hides little.
    left, top = landmarks.points[17:].min(axis=0).astype(int)
    right, bottom = landmarks.points[17:].max(axis=0).astype(int)
    middle = sample.alpha[top:bottom, left:right]
    assert 0.02 < np.median(middle) < 0.3
    assert sample.alpha.max() > 0.9  # the band on the forehead


@pytest.mark.parametrize("kind", OCCLUDERS)
def test_occluders_are_rendered_over_a_mask(kind):
    picture, landmarks = drawn_face(300, fraction=0.4)
    mask = spec_of("surgical")
    worn = replace(draw_occluder(sample_rng(2, kind), kind), shift_x=0.0)
    both = render(picture, landmarks, (mask, worn))
    alone = render(picture, landmarks, (mask,))
    over = both.parts == PARTS.index("occluder")
    assert 0.005 < over.mean() < 0.5
    assert (both.alpha[over] > 0.4).all()
    assert both.alpha.sum() >= alone.alpha.sum()
    # The mask is still there where nothing but a shadow covers it.
    same = ~grown((both.alpha != alone.alpha) | over, 30)
    change = alone.pixels[same].astype(int) - both.pixels[same]
    assert -1 <= change.min() <= change.max() <= 4
    assert PARTS.index("fabric") in both.parts


def test_a_hand_has_the_colour_of_the_face():
    picture, landmarks = drawn_face(300)
    hand = replace(draw_occluder(sample_rng(0, "hand"), "hand"), widen=0.0)
    for light in (1.0, 0.5):
        lit = (picture * light).astype(np.uint8)
        sample = render(lit, landmarks, (hand,))
        shown = sample.pixels[sample.alpha > 0.99].mean(axis=0)
        skin = np.array([205, 150, 125]) * light
        np.testing.assert_allclose(shown / shown.sum(), skin / skin.sum(), atol=0.03)
        assert 0.6 < shown.sum() / skin.sum() < 1.15


def test_the_look_of_a_photo_can_be_kept():
    picture, landmarks = drawn_face(250)
    look = photo_look(picture, landmarks)
    again = look_from_list(look.to_list())
    fresh = render(picture, landmarks, (spec_of("cloth"),)).pixels.astype(int)
    kept = render(picture, landmarks, (spec_of("cloth"),), again).pixels
    assert np.abs(fresh - kept).max() <= 1
    with pytest.raises(BadRecord, match="18 finite numbers"):
        look_from_list([0.0] * 16)
    other = photo_look(255 - picture, landmarks)
    assert np.abs(np.array(other.to_list()) - look.to_list()).max() > 0.1


def test_a_picture_of_the_user_is_the_print(tmp_path):
    path = tmp_path / "flag.png"
    flag = np.zeros((64, 64, 3), np.uint8)
    flag[:32], flag[32:] = (230, 20, 20), (20, 20, 230)
    write_image(path, flag)
    (texture,) = list_textures(tmp_path)
    spec = replace(
        spec_of("cloth"),
        print_name="image",
        print_pitch=0.8,
        texture=texture.path,
        texture_sha256=texture.sha256,
    )
    picture, landmarks = drawn_face(300)
    sample = render(picture, landmarks, (spec,))
    shown = sample.pixels[sample.alpha > 0.99].astype(int)
    red, blue = shown[:, 0] - shown[:, 2] > 60, shown[:, 2] - shown[:, 0] > 60
    assert red.mean() > 0.3
    assert blue.mean() > 0.3
    write_image(path, flag // 2)
    texture_tile.cache_clear()
    with pytest.raises(BadRecord, match="has changed since"):
        render(picture, landmarks, (spec,))


def test_textures_are_drawn_for_cloth(tmp_path):
    write_image(tmp_path / "a.png", np.full((8, 8, 3), 90, np.uint8))
    config = SpecConfig(("cloth", "surgical"), textures=list_textures(tmp_path))
    rng = np.random.default_rng(0)
    specs = [draw_specs(rng, config)[0] for _ in range(400)]
    cloth = [spec.print_name == "image" for spec in specs if spec.kind == "cloth"]
    assert 0.35 < np.mean(cloth) < 0.65
    assert not any(s.texture for s in specs if s.kind == "surgical")
