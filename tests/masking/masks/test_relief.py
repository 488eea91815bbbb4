"""Heights, seams and covers of masks at places where they are known."""

from dataclasses import replace
from itertools import combinations
from typing import cast

import numpy as np
import pytest

from masking.masks.outline import outline_knots, outlines
from masking.masks.relief import (
    FORMS,
    MASK_RELIEFS,
    MIDDLE_Y,
    SIDE,
    bump,
    creases,
    dome,
    form_of,
    gathers,
    is_moulded,
    is_pleated,
    letters,
    line,
    pleats,
    valve_u,
)
from masking.masks.spec import OCCLUDERS, SpecConfig, draw_occluder, draw_specs
from masking.masks.surface import STEP, U_REACH, V_REACH, surface


def at(kind, u, v):
    """Height, fraction of light and cover of one place."""
    whole = MASK_RELIEFS[kind](np.array([u]), np.array([v]), 0)
    return [float(part[0]) for part in whole]


def test_bumps_and_lines_by_hand():
    away = np.array([0.0, 0.1, -0.2])
    np.testing.assert_allclose(bump(away, 0.1), [1, np.exp(-1), np.exp(-4)])
    np.testing.assert_allclose(line(away, 0.1, 0.5), 1 - 0.5 * np.exp([0, -1, -4]))


def test_the_head_is_an_ellipsoid():
    # Half as wide as 0.78 and as tall as 1.05, 0.75 deep.
    found = dome(np.array([0.0, 0.39, 0.0]), np.array([0.5, 0.5, 1.025]))
    np.testing.assert_allclose(found, 0.75 * np.sqrt([1, 0.75, 0.75]))


def test_every_form_of_a_kind_is_folded_otherwise():
    u, v = np.meshgrid(np.linspace(-0.4, 0.4, 41), np.linspace(-0.3, 0.3, 31))
    for kind, forms in FORMS.items():
        heights = [MASK_RELIEFS[kind](u, v, form)[0] for form in range(forms)]
        for one, other in combinations(heights, 2):
            assert np.abs(one - other).max() > 0.005, kind
        again = MASK_RELIEFS[kind](u, v, forms - 1)[0]
        np.testing.assert_array_equal(again, heights[-1])


def test_masks_of_one_kind_take_all_its_forms():
    rng = np.random.default_rng(0)
    drawn = [draw_specs(rng, SpecConfig(("surgical",)))[0] for _ in range(200)]
    assert {form_of(spec) for spec in drawn} == set(range(FORMS["surgical"]))


def test_pleated_cloth_is_cut_like_a_surgical_mask():
    # The form is the seed's eleventh, of eight; every other one is pleated.
    assert [is_pleated("cloth", form) for form in range(4)] == [True, False] * 2
    assert is_pleated("surgical", 1)
    assert not is_pleated("ffp2", 0)
    rng = np.random.default_rng(0)
    cloth = replace(draw_specs(rng, SpecConfig(("cloth",)))[0], wearing_style="correct")
    surgical = replace(cloth, kind="surgical")
    pleated, panels = replace(cloth, seed=0), replace(cloth, seed=11)
    np.testing.assert_array_equal(outline_knots(pleated), outline_knots(surgical))
    assert np.abs(outline_knots(panels) - outline_knots(surgical)).max() > 0.02


def test_foam_masks_reach_to_the_ears():
    moulded = [form for form in range(FORMS["cloth"]) if is_moulded("cloth", form)]
    assert moulded == [3, 7]
    assert not any(is_pleated("cloth", form) for form in moulded)
    assert not is_moulded("surgical", 3)
    drawn = draw_specs(np.random.default_rng(0), SpecConfig(("cloth",)))[0]
    usual = replace(drawn, wearing_style="correct", widen=0.0)
    foam, sewn = (outline_knots(replace(usual, seed=11 * form)) for form in (3, 1))
    # The canonical jaw is .59 away from the middle at the height of the ears' roots.
    assert foam[:, 0].max() - 0.5 == pytest.approx(0.61)
    assert sewn[:, 0].max() - 0.5 == pytest.approx(0.575)


def test_a_surgical_mask_has_paler_strips_over_its_edges():
    u, v = np.meshgrid(np.linspace(-0.54, 0.54, 217), np.linspace(-0.6, 0.5, 221))
    light = MASK_RELIEFS["surgical"](u, v, 1)[1]
    # Above and beside a line, beyond it less than the fabric between the pleats.
    upper, side = v + 0.41 - 0.27 * u**2 < 0.0, np.abs(u) > SIDE - 0.04
    inner = (np.abs(u) < 0.40) & (v > -0.30) & (v < -0.24)
    assert light[upper & (np.abs(u) < 0.4)].mean() > 1.05 * light[inner].mean()
    assert light[side & (v > -0.2) & (v < 0.1)].max() > 1.05


@pytest.mark.parametrize("kind", ["ffp2", "kn95"])
def test_words_and_the_valve_are_on_different_sides(kind):
    for form in range(FORMS[kind]):
        bare = surface(f"{kind}.{form}").looks
        valve = surface(f"{kind}.{form}+valve").looks[..., 3] > 1
        columns = np.arange(bare.shape[1]) * STEP - U_REACH
        assert columns[valve.any(axis=0)].mean() == pytest.approx(
            valve_u(form), abs=STEP
        )
    assert {valve_u(form) for form in range(FORMS[kind])} == {-0.2, 0.2}


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
    outline = outlines([spec])[0]
    assert outline.centre[1] == pytest.approx(MIDDLE_Y[kind], abs=0.05)


def test_a_hand_has_paler_nails_and_folds_over_its_joints():
    light = surface("hand.0").looks[..., 2]
    # The second finger runs from (-0.06, -0.18) to (-0.08, -0.66), mirrored; the first
    # joint is 0.45 of the way, at (-0.069, -0.396).
    for u, v, expected in ((0.08, -0.66, 1.16), (0.069, -0.396, 0.86)):
        row, column = round((v + V_REACH) / STEP), round((u + U_REACH) / STEP)
        assert light[row, column] == pytest.approx(expected, abs=0.02)


def test_a_wrist_goes_on_from_its_palm_without_a_step():
    slopes = surface("hand.0").looks[..., :2]
    rows = np.round((np.arange(0.0, 0.9, STEP) + V_REACH) / STEP).astype(int)
    middle = slopes[rows, round(U_REACH / STEP)]
    assert np.abs(np.diff(middle, axis=0)).max() < 0.02
    assert np.abs(middle).max() < 0.1


def test_a_caps_brim_is_a_crescent_below_its_crown():
    light = surface("cap.0").looks[..., 2]
    columns = np.round((np.array([-0.4, 0.0, 0.4]) + U_REACH) / STEP).astype(int)
    # It begins at v = .285 + .12 (u / .6)**2, with the darkest line there.
    for column, u in zip(columns, (-0.4, 0.0, 0.4), strict=True):
        rows = np.round((np.arange(0.2, 0.45, STEP) + V_REACH) / STEP).astype(int)
        darkest = rows[light[rows, column].argmin()] * STEP - V_REACH
        assert darkest == pytest.approx(0.285 + 0.12 * (u / 0.6) ** 2, abs=0.03)
    # The outline ends at y = .035 in the middle, at -.15 and beside it at the sides.
    cap = draw_occluder(np.random.default_rng(0), "cap")
    x, y = outline_knots(replace(cap, shift_y=0.0, widen=0.0)).T
    assert y[-1] > y[np.abs(x - 0.5) > 0.65].max() + 0.15


class Halfway:
    """A generator that draws the middle of what it is asked for."""

    def uniform(self, low, high):
        return (low + high) / 2


def test_pleats_run_together_towards_the_sides():
    # Two pleats, 0.2 high in the middle and 0.1 at the sides, u = 0.5.
    lines = [(-0.2, -0.1), (0.0, 0.0), (0.2, 0.1)]
    u, v = np.meshgrid([0.0, 0.5], np.linspace(-0.4, 0.4, 801))
    height, light = pleats(u, v, cast(np.random.Generator, Halfway()), lines)
    for column, reach in enumerate((0.2, 0.1)):
        folded = v[:, column][height[:, column] > 1e-9]
        np.testing.assert_allclose(
            [folded.min(), folded.max()], [-reach, reach], atol=2e-3
        )
        # Darkest 0.93 of the way down the second, in its step.
        second = (v[:, column] > 0.01) & (v[:, column] < reach)
        darkest = v[second, column][light[second, column].argmin()]
        np.testing.assert_allclose(darkest, 0.93 * reach, atol=2e-3)
    # The first pleat is flatter where it is open, stretched over nose and mouth: its
    # depth is 0.35 of that from u = 0.4 on; its wave falls from 0.6 + 0.7 sin(3) =
    # 0.6988 to 0.6 + 0.7 sin(6.25) = 0.5768.
    first = height[v[:, 0] < -0.01].max(axis=0)
    expected = 0.6988 * 0.35 / 0.5768
    np.testing.assert_allclose(first[0] / first[1], expected, rtol=0.02)


def test_pleats_hang_from_the_ears():
    u, v = np.meshgrid(np.linspace(-0.54, 0.54, 217), np.linspace(-0.6, 0.5, 221))
    rise = []
    for form in range(FORMS["surgical"]):
        down, across = np.gradient(MASK_RELIEFS["surgical"](u, v, form)[1])
        outwards = across * np.sign(u)
        below = (np.abs(u) > 0.1) & (np.abs(u) < 0.42) & (v > -0.1) & (v < 0.3)
        turn = (outwards * down)[below].sum() / (across**2 + down**2)[below].sum()
        rise.append(turn)
    # Half the sine of twice the angle: below the mouth lines rise by 15 degrees or more
    # towards the ears, as on real masks.
    assert np.mean(rise) > 0.25


def test_gathers_begin_where_straps_pull():
    rng = np.random.default_rng(0)
    u, v = np.meshgrid(np.linspace(-0.6, 0.6, 241), np.linspace(-0.5, 0.5, 201))
    height = np.abs(gathers(u, v, rng, (-0.3,)))
    away = np.hypot(SIDE - np.abs(u), v + 0.3)
    # Past a side there is only what is left of the other side's.
    assert height[np.abs(u) > SIDE].max() < 1e-3
    assert height[away < 0.15].max() > 0.01
    # At 0.5 no more than exp(-0.5 / 0.2) of 0.026 * 1.5 on either side is left.
    assert height[away > 0.5].max() < 2 * 0.039 * np.exp(-2.5)


def test_creases_and_print_are_drawn_by_the_generator_alone():
    u, v = np.meshgrid(np.linspace(-0.4, 0.4, 81), np.linspace(-0.3, 0.3, 61))
    for draw in (
        lambda rng: creases(u, v, rng, 3, 0.02, 0.05),
        lambda rng: letters(u, v, rng, 0.2, ("ABC",)),
    ):
        first, again, other = (draw(np.random.default_rng(n)) for n in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.005
    # No crease is higher than its depth, three of them not than thrice it.
    assert np.abs(creases(u, v, np.random.default_rng(3), 3, 0.02, 0.05)).max() <= 0.06


def test_print_is_darker_than_the_fabric_in_a_small_part():
    u, v = np.meshgrid(np.linspace(-0.5, 0.5, 201), np.linspace(-0.5, 0.5, 201))
    words = ("FFP2", "EN 149", "CE 0000")
    light = letters(u, v, np.random.default_rng(0), 0.2, words)
    inked = light < 1
    assert 0.001 < inked.mean() < 0.03
    assert 0.2 <= light.min() <= 0.65
    # They stand about u = .2, each word a row of .05.
    across, down = u[inked], v[inked]
    assert across.min() > 0.05 and across.max() < 0.42
    assert 0.10 < np.ptp(down) < 0.16
