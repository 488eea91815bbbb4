"""Where folds move the print of a fabric."""

from dataclasses import replace

import numpy as np

from masking.rendering.frames import Looks
from masking.rendering.numpy_backend import NumpyArrays
from masking.rendering.parameters import parameters, print_turn
from masking.rendering.shading import lit_fabric
from tests.fakes.rendered import spec_of


class Slanted(NumpyArrays):
    """A fabric without creases that rises by 2 along v; says where prints are read."""

    def surfaces(self, names, u, v):
        looks = np.zeros((1, 4, *u.shape[1:]), np.float32)
        looks[:, 1], looks[:, 2:] = 2, 1
        return looks

    def tiles(self, tiles, x, y):
        if tiles[0].ndim == 3:
            return np.zeros((1, 4, *x.shape[1:]), np.float32)
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


class Flat(NumpyArrays):
    """A fabric without folds and seams, of one given hue."""

    hue = 0.0

    def surfaces(self, names, u, v):
        looks = np.zeros((1, 4, *u.shape[1:]), np.float32)
        looks[:, 2:] = 1
        return looks

    def tiles(self, tiles, x, y):
        found = np.zeros((1, tiles[0].shape[2], *x.shape[1:]), np.float32)
        found[:, 3] = self.hue
        return found


def lit_of(hue, saturation):
    spec = replace(spec_of("surgical", 0), print_name="plain")
    arrays = Flat()
    arrays.hue = hue
    one, three = np.ones(1, np.float32), np.ones((1, 3), np.float32)
    shading = np.array([[1, 0, 0, 0, 0]], np.float32)
    ears = np.zeros((1, 4, 2), np.float32), np.ones((1, 2)), np.ones((1, 4))
    tone = 0.5 * three
    look = Looks(shading, tone, tone, saturation * one, 0.01 * one, one, *ears)
    u, v = np.array([[[0.1]]], np.float32), np.array([[[0.2]]], np.float32)
    mask = parameters(arrays, [spec])
    # In px so small that no thread is seen.
    return lit_fabric(arrays, mask, look, (u, v, one[None, None]), one)[0].ravel()


def test_hues_change_green_alone_and_nothing_on_a_grey_photograph():
    plain, greener = lit_of(0.0, 1.0), lit_of(2.0, 1.0)
    np.testing.assert_allclose(greener / plain, [1, 1 + 2 * 0.028, 1], rtol=1e-4)
    np.testing.assert_array_equal(lit_of(0.0, 0.0), lit_of(2.0, 0.0))
