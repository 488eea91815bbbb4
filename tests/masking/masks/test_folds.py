"""Pleats, gathers, creases and print at places where they are known."""

from typing import cast

import numpy as np

from masking.masks.folds import SIDE, creases, gathers, letters, pleats


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
    # The first pleat is higher where it is open: its depth falls from 1 to
    # 0.55 + 0.45 exp(-(0.5 / 0.36)**2) = 0.6154, its wave from 0.6 + 0.7 sin(3) =
    # 0.6988 to 0.6 + 0.7 sin(6.25) = 0.5768.
    first = height[v[:, 0] < -0.01].max(axis=0)
    expected = 0.6988 / (0.5768 * 0.6154)
    np.testing.assert_allclose(first[0] / first[1], expected, rtol=0.02)


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
        lambda rng: letters(u, v, rng),
    ):
        first, again, other = (draw(np.random.default_rng(n)) for n in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.005
    # No crease is higher than its depth, three of them not than thrice it.
    assert np.abs(creases(u, v, np.random.default_rng(3), 3, 0.02, 0.05)).max() <= 0.06


def test_print_is_darker_than_the_fabric_in_a_small_part():
    u, v = np.meshgrid(np.linspace(-0.5, 0.5, 201), np.linspace(-0.5, 0.5, 201))
    light = letters(u, v, np.random.default_rng(0))
    inked = light < 1
    assert 0.001 < inked.mean() < 0.03
    assert 0.25 <= light.min() <= 0.65
