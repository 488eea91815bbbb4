"""Hair before the cheeks, painted: strands stay in front, clean cheeks lose nothing."""

import cv2
import numpy as np
import pytest

from masking.landmarks import Landmarks
from masking.masks.spec import SpecConfig, draw_all
from masking.rendering.render import photo_look, render
from tests.fakes.drawn_hair import HAIR, MARKS, POINTS, SKIN, haired_face, px_at


def masked(pixels, kind="surgical"):
    specs = draw_all(0, [kind], SpecConfig((kind,), wrongly_worn=0))[0]
    return render(pixels, MARKS, specs, behind_hair=True), render(pixels, MARKS, specs)


CHEEK_X, CHEEK_Y = px_at(0.90, 0.62)
STRAND = np.s_[CHEEK_Y - 4 : CHEEK_Y + 5, CHEEK_X - 3 : CHEEK_X + 4]


@pytest.mark.parametrize("kind", ["surgical", "cloth", "gaiter"])
def test_a_strand_across_the_cheek_stays_in_front(kind):
    pixels = haired_face(strand=True)
    behind, over = masked(pixels, kind)
    assert pixels[STRAND].max() < 60  # that is where the strand is
    np.testing.assert_array_equal(behind.pixels[STRAND], pixels[STRAND])
    # Neither labels nor layers count it as masked.
    assert behind.alpha[STRAND].max() == 0 and behind.parts[STRAND].max() == 0
    assert over.alpha[STRAND].min() > 0.99
    # The other cheek and the chin are as they were.
    chin, right = px_at(0.5, 1.05), px_at(0.15, 0.75)
    for x, y in (chin, right):
        assert behind.alpha[y, x] == over.alpha[y, x] > 0.999
        np.testing.assert_array_equal(behind.pixels[y, x], over.pixels[y, x])


def beard(pixels):
    for place, size in ((px_at(0.5, 1.02), (45, 22)), (px_at(0.5, 0.68), (25, 6))):
        cv2.ellipse(pixels, place, size, 0, 0, 360, HAIR, -1)
    for side in (-1, 1):
        ends = px_at(0.5 + 0.55 * side, 0.2), px_at(0.5 + 0.42 * side, 0.98)
        cv2.line(pixels, *ends, HAIR, 14)
    return pixels


def side_light(pixels):
    """Light from the left alone: the other half falls to a fifth."""
    fall = np.clip((np.arange(280) - 110) / 60, 0, 1)
    return (pixels * (1 - 0.8 * fall)[None, :, None]).astype(np.uint8)


CLEAN = {
    "plain": haired_face(),
    "dark skin": haired_face(skin=(70, 46, 38)),
    "dark room": haired_face(background=HAIR),
    "beard": beard(haired_face()),
    "side light": side_light(haired_face()),
    "no hair": haired_face(hair=SKIN),
    "fair hair and strand": haired_face(hair=(225, 195, 140), strand=True),
}


@pytest.mark.parametrize("name", CLEAN)
def test_masks_get_no_holes_on_faces_without_a_strand(name):
    behind, over = masked(CLEAN[name])
    np.testing.assert_array_equal(behind.pixels, over.pixels)
    np.testing.assert_array_equal(behind.alpha, over.alpha)


def test_what_is_worn_before_the_hair_covers_it():
    pixels = haired_face(strand=True)
    behind, over = masked(pixels, "shield")
    np.testing.assert_array_equal(behind.pixels, over.pixels)


def test_the_matte_is_the_same_in_a_large_photograph():
    small = haired_face(strand=True)
    large = cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    specs = draw_all(0, ["x"], SpecConfig(("surgical",), wrongly_worn=0))[0]
    one = render(small, MARKS, specs, behind_hair=True).alpha
    marks = Landmarks((POINTS + 0.5) * 4 - 0.5)
    assert photo_look(large, marks).saturation > 0
    other = render(large, marks, specs, behind_hair=True).alpha
    shrunk = cv2.resize(other, None, fx=1 / 4, fy=1 / 4, interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk - one).mean() < 0.02
    assert shrunk[STRAND].max() < 0.05
