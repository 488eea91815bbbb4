"""What pictures of one colour tell about light, skin and ears, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Landmarks
from masking.masks.colours import LINEAR
from masking.rendering.photo_light import look_of, sample_places, sharpness

SIDE, PX = 340, 200
FACE = Landmarks(CANONICAL_FACE * PX + 60)
# Middles of the roots of the right and the left ear: beside the face.
EARS = ((30, 150), (310, 150))
POSE = SimpleNamespace(
    px_per_unit=np.array([float(PX)]),
    ears=np.array([[(x, y + away) for x, y in EARS for away in (-5, 5)]]),
)
# In linear light 0.7157, 0.3515, 0.2623: a white person's skin.
SKIN = (220, 160, 140)


def picture(colour):
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


def places(pixels):
    columns, rows = sample_places(pixels, FACE, PX)
    return tuple(np.meshgrid((columns - 60) / PX, (rows - 60) / PX))


def look(pixels, at=None):
    return look_of(pixels, FACE, at or places(pixels), POSE)


def test_bytes_are_turned_into_linear_light():
    # IEC 61966-2-1: the straight piece, then ((c + 0.055) / 1.055)**2.4.
    expected = [0, 10 / 255 / 12.92, 0.2158605, 1]
    np.testing.assert_allclose(LINEAR[[0, 10, 128, 255]], expected, rtol=1e-5)


def test_a_grey_photo_is_lit_by_its_brightness_alone():
    found = look(picture((100, 100, 100)))
    np.testing.assert_allclose(found.skin, 0.12744 + 1e-3, rtol=1e-3)
    # The skin's usual luma is 0.2968: sqrt(0.12844 / 0.2968) = 0.658.
    np.testing.assert_allclose(found.light, 0.658, atol=1e-3)
    assert found.saturation == 0


def test_saturation_is_the_spread_of_the_skins_channels():
    assert look(picture(SKIN)).saturation == 1
    # Linear 0.5776, 0.5271, 0.4508, and 0.001 each: a spread of 0.1268 / 0.5786.
    found = look(picture((200, 192, 179)))
    assert found.saturation == pytest.approx((0.1268 / 0.5786 - 0.12) / 0.2, abs=2e-3)


def test_a_quarter_of_the_skins_colour_is_the_lights():
    found = look(picture(SKIN)).light
    # Against usual skin red is 0.7167 / 0.42 = 1.706 and blue 0.2633 / 0.20 = 1.317.
    assert found[0] / found[2] == pytest.approx((1.706 / 1.317) ** 0.25, rel=1e-3)


# Landmarks 1 to 4 lie at x = 38, 42, 46 and 58 px, the tip of the nose at 160: the ways
# of straps to the right ear begin at about 52 and 63 px. It is far off here, at 8 px.
FAR = SimpleNamespace(
    px_per_unit=np.array([float(PX)]),
    ears=np.array([[(8, 140), (8, 170), (332, 140), (332, 170)]], float),
)


def ways(pixels):
    return look_of(pixels, FACE, places(pixels), FAR).ears


@pytest.mark.parametrize(
    "hair",
    # A twentieth as light, and grey.
    [(54, 35, 29), (200, 200, 200)],
)
def test_straps_are_seen_up_to_the_hair(hair):
    pixels = picture(SKIN)
    pixels[:, :30] = hair
    # 22 of 44 px and 33 of 55 px are bare: within about one place of ten.
    np.testing.assert_allclose(ways(pixels)[:2], [0.5, 0.6], atol=0.13)
    assert ways(pixels)[2:].tolist() == [1, 1]
    mirrored = np.ascontiguousarray(pixels[:, ::-1])
    np.testing.assert_allclose(ways(mirrored)[2:], [0.5, 0.6], atol=0.13)
    pixels[:] = SKIN
    pixels[:, :70] = hair
    assert ways(pixels).tolist() == [0, 0, 1, 1]


def test_shade_on_a_bare_cheek_hides_no_strap():
    pixels = picture(SKIN)
    # Half as light.
    pixels[:, :40] = (162, 116, 101)
    assert ways(pixels).tolist() == [1, 1, 1, 1]


def test_a_spot_hides_no_strap_and_a_light_in_hair_shows_none():
    pixels = picture(SKIN)
    pixels[:, 24:29] = (30, 20, 15)
    assert ways(pixels).tolist() == [1, 1, 1, 1]
    pixels[:, :70] = (30, 20, 15)
    pixels[:, 24:29] = SKIN
    assert ways(pixels).tolist() == [0, 0, 1, 1]


def test_a_grey_photo_tells_hair_by_its_darkness():
    pixels = picture((150, 150, 150))
    assert ways(pixels).tolist() == [1, 1, 1, 1]
    pixels[:, :70] = (30, 30, 30)
    assert ways(pixels).tolist() == [0, 0, 1, 1]


def test_mouth_eyes_and_surroundings_are_no_skin():
    pixels = picture((20, 200, 20))
    x, y = places(pixels)
    columns, rows = sample_places(pixels, FACE, PX)
    inside = (np.abs(x - 0.5) < 0.1) & (np.abs(y - 0.5) < 0.1)
    row, column = np.nonzero(inside)
    pixels[rows[row].astype(int), columns[column].astype(int)] = SKIN
    # More is looked at of eyes (y < 0.33), mouth (y = 0.81) and beside the face.
    elsewhere = np.array([(0.5, 0.3), (0.5, 0.81), (1.1, 0.6)])
    others = elsewhere[np.arange((~inside).sum()) % 3].T
    x[~inside], y[~inside] = others
    assert (~inside).sum() > 3 * inside.sum() > 90
    np.testing.assert_allclose(look(pixels, (x, y)).skin, LINEAR[list(SKIN)] + 1e-3)


@pytest.mark.parametrize(("count", "flat"), [(29, True), (30, False)])
def test_fewer_than_thirty_pixels_of_skin_tell_nothing_of_shading(count, flat):
    pixels = picture(SKIN)
    x, y = (np.full_like(part, 9) for part in places(pixels))
    x.flat[:count], y.flat[:count] = 0.5, 0.5
    assert (look(pixels, (x, y)).shading.tolist() == [1, 0, 0, 0, 0]) == flat


def test_blur_is_in_face_squares():
    ramp = np.uint8(40 + 10 * np.clip(np.arange(SIDE) - 160, 0, 16))
    pixels = np.repeat(np.tile(ramp, (SIDE, 1))[..., None], 3, axis=2)
    blur_px, grain = sharpness(pixels, FACE)
    found = look(pixels)
    assert blur_px > 3
    assert (found.blur, found.grain) == (pytest.approx(blur_px / PX), grain)


def test_numbers_of_a_look_keep_four_digits():
    found = look(picture(SKIN)).to_list()
    # After five of the shading and three of the light: the skin.
    assert found[8:11] == [0.7167, 0.3525, 0.2633]
