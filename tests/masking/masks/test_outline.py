"""Knots and curves of outlines, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import LEFT_EYE, RIGHT_EYE
from masking.masks.outline import ANGLES, outline_knots, outlines
from masking.masks.spec import OCCLUDERS, SpecConfig, draw_occluder, draw_specs


def spec_of(kind, wearing_style="correct", **changes):
    rng = np.random.default_rng(0)
    if kind in OCCLUDERS:
        plain = draw_occluder(rng, kind)
        still = {"widen": 0.0, "tilt_rad": 0.0, "shift_x": 0.0, "shift_y": 0.0}
    else:
        plain = draw_specs(rng, SpecConfig((kind,)))[0]
        still = {"rise": 0.0, "widen": 0.0, "hang": 0.0, "tilt_rad": 0.0}
    return replace(plain, kind=kind, wearing_style=wearing_style, **(still | changes))


def test_a_mask_rises_most_in_the_middle():
    knots = outline_knots(spec_of("surgical", rise=0.05))
    assert knots[0].tolist() == pytest.approx([0.5, 0.345 - 0.05])
    # At (0.42, 0.394): (0.95 - 0.394) / 0.6 of it, and 1 - 0.5 * 0.42 / 0.6 of that.
    expected = 0.394 - 0.05 * (0.556 / 0.6) * 0.65
    assert knots[3].tolist() == pytest.approx([0.92, expected], abs=1e-5)


def test_the_sides_of_a_lowered_mask_keep_hanging():
    knots = outline_knots(spec_of("surgical", "nose_out"))
    assert knots[0, 1] == pytest.approx(0.675)
    # 0.394 is 0.881 of 0.930 above the lower edge at 1.275: 0.7066 when lowered as the
    # middle is, to which the side returns by 0.45 * (0.42 / 0.6)**1.7 = 0.2454.
    expected = 0.70661 + (0.394 - 0.70661) * 0.45 * (0.42 / 0.6) ** 1.7
    assert knots[3, 1] == pytest.approx(expected, abs=1e-4)
    # What would rise on the nose ends lower beneath it.
    raised = outline_knots(spec_of("surgical", "nose_out", rise=0.05))
    assert raised[0, 1] == pytest.approx(0.675 + 0.3 * 0.05)


def test_an_occluder_is_moved_and_grows_about_its_middle():
    spec = spec_of("patch", widen=0.1, shift_x=0.05, shift_y=-0.2)
    # The patch reaches from 0.40 to 0.80: 0.22 to each side of 0.60.
    knots = outline_knots(spec)
    assert knots[0].tolist() == pytest.approx([0.55, 0.38 - 0.2])
    assert knots[-1].tolist() == pytest.approx([0.55, 0.82 - 0.2])
    assert knots[4].tolist() == pytest.approx([0.55 + 0.33, 0.6 - 0.2])


def test_a_neck_tube_below_the_chin_ends_above_it():
    plain = outline_knots(spec_of("gaiter", "chin_out"))
    assert plain[:, 1].max() == pytest.approx(1.02)
    assert outline_knots(spec_of("gaiter"))[:, 1].max() == pytest.approx(1.55)


def test_a_neck_tube_is_as_narrow_as_the_neck_below_the_jaw():
    knots = outline_knots(spec_of("gaiter"))
    width = np.interp([0.62, 1.24, 1.41], knots[1:, 1], knots[1:, 0] - 0.5)
    # In front of the ears, where the neck joins the jaw, and at the lower edge.
    np.testing.assert_allclose(width, [0.635, 0.465, 0.44], atol=1e-6)


def test_the_slope_of_a_straight_side_is_the_cosine_of_the_angle():
    patch = outlines([spec_of("patch")])[0]
    middle = ANGLES // 2
    assert patch.radius[middle] == pytest.approx(0.3, abs=1e-3)
    assert patch.slope[middle] == pytest.approx(1, abs=1e-3)
    for steps in (-3, 3):
        angle = steps * 2 * np.pi / ANGLES
        expected = 0.3 / np.cos(angle)
        assert patch.radius[middle + steps] == pytest.approx(expected, abs=1e-3)
        assert patch.slope[middle + steps] == pytest.approx(np.cos(angle), abs=2e-3)


def test_lenses_are_in_front_of_the_eyes():
    lens = outlines([spec_of("sunglasses")])[0]
    left, right = (CANONICAL_FACE[eye].mean(axis=0) for eye in (LEFT_EYE, RIGHT_EYE))
    assert lens.mirrored
    assert lens.centre[0] == pytest.approx(left[0], abs=0.01)
    assert 1 - lens.centre[0] == pytest.approx(right[0], abs=0.01)
