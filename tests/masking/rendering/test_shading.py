"""Where folds move the print of a fabric, and how bright it gets."""

from dataclasses import replace

import numpy as np

from masking.rendering.layout import Looks
from masking.rendering.numpy_backend import NumpyArrays
from masking.rendering.parameters import parameters, print_turn
from masking.rendering.shading import lit_fabric, rolled_off
from tests.fakes.rendered import spec_of


class Slanted(NumpyArrays):
    """A fabric without creases that rises by 2 along v; says where prints are read."""

    def surfaces(self, names, u, v):
        looks = np.zeros((1, 4, *u.shape[1:]), np.float32)
        looks[:, 1], looks[:, 2:] = 2, 1
        return looks

    def tiles(self, tiles, x, y):
        if tiles[0].ndim == 3:
            return np.zeros((1, 3, *x.shape[1:]), np.float32)
        self.read = x, y
        return np.zeros((1, 1, *x.shape[1:]), np.float32)


def test_a_steep_fold_shows_another_part_of_the_print():
    # Of folds of 0.3 + 0.8 * 0.875 = 1 a print moves by 0.03 of the slope.
    spec = replace(spec_of("gaiter", 0), print_name="dots", wrinkle=0.875)
    arrays = Slanted()
    one, three = np.ones(1, np.float32), np.ones((1, 3), np.float32)
    shading = np.array([[1, 0, 0, 0, 0]], np.float32)
    ears = np.zeros((1, 4, 2), np.float32), np.ones((1, 2)), np.ones((1, 4))
    look = Looks(shading, three, three, one, 0.01 * one, one, *ears)
    u, v = np.array([[[0.1]]], np.float32), np.array([[[0.2]]], np.float32)
    lit_fabric(arrays, parameters(arrays, [spec]), look, (u, v, one[None, None]), one)
    cosine, sine = print_turn(spec)
    moved = 0.2 + 0.03 * 2
    expected = [cosine * 0.1 + sine * moved, cosine * moved - sine * 0.1]
    np.testing.assert_allclose(np.ravel(arrays.read), expected, rtol=1e-5)


def test_fabric_in_strong_light_is_white_and_its_folds_are_gone():
    """As on half of the light masks that are really worn: some places burn out."""
    light = np.array([0.5, 0.85, 0.95, 1.2, 1.5], np.float32)
    seen = rolled_off(np, light)
    np.testing.assert_allclose(seen[:2], light[:2])
    assert 0.93 < seen[2] < 0.95
    assert seen[3:].min() > 1.0
