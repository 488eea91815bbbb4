"""Random numbers of many things at once, by hand."""

import zlib

import numpy as np
import pytest

from masking.masks.colours import Dice, chosen, rolls_of


def mixed(bits):
    """The output function of SplitMix64, in whole numbers of Python."""
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % 2**64
    return bits ^ (bits >> 31)


def test_rolls_are_those_of_splitmix64():
    step = 0x9E3779B97F4A7C15
    # The first number of the reference implementation's generator 0.
    assert mixed(step) == 0xE220A8397B1DCDAF
    for seed, name in ((0, "a"), (7, "Ann/1.jpg"), (2**40, "")):
        start = mixed((mixed(seed) + zlib.crc32(name.encode())) % 2**64)
        expected = [(mixed((start + n * step) % 2**64) >> 11) / 2**53 for n in (1, 2)]
        assert rolls_of(seed, [name], 2)[0].tolist() == expected


def test_rolls_depend_on_their_name_alone():
    names = [f"{number}" for number in range(50)]
    whole = rolls_of(1, names, 40)
    for row in (0, 17, 49):
        np.testing.assert_array_equal(rolls_of(1, [names[row]], 40)[0], whole[row])
        np.testing.assert_array_equal(rolls_of(1, [names[row]], 9)[0], whole[row, :9])
    assert len(np.unique(whole)) == whole.size
    # 2,000 of them: the mean has a standard deviation of 0.0065.
    assert whole.mean() == pytest.approx(0.5, abs=0.026)
    assert whole.std() == pytest.approx(12**-0.5, abs=0.02)


def test_dice_use_each_column_once():
    dice = Dice(np.array([[0.25, 0.5, 0.75, 0.1, 0.9, 1 - np.exp(-0.5), 0.5]]))
    assert dice.uniform(2, 4).tolist() == [2.5]
    assert dice.colours(0, 2).tolist() == [[1.0, 1.5, 0.2]]
    assert dice.index(10).tolist() == [9]
    # sqrt(-2 ln(e ** -0.5)) = 1, and half a turn.
    assert dice.normal(3.0).tolist() == pytest.approx([-3.0])


def test_the_last_choice_takes_what_is_left():
    rolls = np.array([0.0, 0.09, 0.1, 0.69, 0.7, 0.999])
    assert chosen(rolls, [0.1, 0.6, 0.0]).tolist() == [0, 0, 1, 1, 2, 2]
