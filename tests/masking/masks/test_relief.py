"""Heights, seams and covers of masks at places where they are known."""

from dataclasses import replace

import numpy as np
import pytest

from masking.masks.outline import outlines
from masking.masks.relief import MASK_RELIEFS, MIDDLE_Y, bump, dome, line
from masking.masks.spec import OCCLUDERS, SpecConfig, draw_occluder, draw_specs


def at(kind, u, v):
    """Height, fraction of light and cover of one place."""
    return [float(part[0]) for part in MASK_RELIEFS[kind](np.array([u]), np.array([v]))]


def test_bumps_and_lines_by_hand():
    away = np.array([0.0, 0.1, -0.2])
    np.testing.assert_allclose(bump(away, 0.1), [1, np.exp(-1), np.exp(-4)])
    np.testing.assert_allclose(line(away, 0.1, 0.5), 1 - 0.5 * np.exp([0, -1, -4]))


def test_the_head_is_an_ellipsoid():
    # Half as wide as 0.78 and as tall as 1.05, 0.75 deep.
    found = dome(np.array([0.0, 0.39, 0.0]), np.array([0.5, 0.5, 1.025]))
    np.testing.assert_allclose(found, 0.75 * np.sqrt([1, 0.75, 0.75]))


@pytest.mark.parametrize(("v", "pleat"), [(-0.1175, 1), (-0.10625, 0.5), (0.1325, 1)])
def test_a_surgical_mask_has_three_pleats(v, pleat):
    # The top of the first at -0.22 + 0.82 * 0.125, halfway down its step, and the top
    # of the third, on fabric that the nose lifts by 0.13 at y = 0.60.
    lifted = 0.13 * np.exp(-(((v + 0.81 - 0.6) / 0.35) ** 2))
    height, _, cover = at("surgical", 0.0, v)
    assert height == pytest.approx(lifted + 0.017 * pleat, abs=1e-6)
    assert cover == 1


def test_welds_of_a_surgical_mask_take_a_fifth_of_the_light():
    # On the middle of a weld and halfway to the next one, 0.015 further on.
    assert at("surgical", 0.575, 0.0)[1] == pytest.approx(0.78, abs=1e-4)
    assert at("surgical", 0.575, 0.015)[1] == pytest.approx(1.0, abs=1e-4)


def test_a_visor_is_clear_but_for_its_band():
    assert at("shield", 0.0, 0.0) == pytest.approx([0.35, 1.0, 0.05], abs=1e-3)
    assert at("shield", 0.0, -0.9) == pytest.approx([0.35, 0.55, 0.95], abs=1e-3)


@pytest.mark.parametrize("kind", sorted(MIDDLE_Y))
def test_reliefs_are_drawn_about_the_middle_of_the_outline(kind):
    rng = np.random.default_rng(0)
    if kind in OCCLUDERS:
        spec = replace(draw_occluder(rng, kind), shift_y=0.0, widen=0.0)
    else:
        drawn = draw_specs(rng, SpecConfig((kind,)))[0]
        spec = replace(drawn, wearing_style="correct", rise=0.0, widen=0.0, hang=0.0)
    (outline,) = outlines([spec])
    assert outline.centre[1] == pytest.approx(MIDDLE_Y[kind], abs=0.05)
