import numpy as np
import pytest

from masking.errors import InvalidConfig
from training.data.train_data import validation_people

NAMES = [f"Person_{number % 200:03d}" for number in range(600)]


def test_photos_of_a_person_stay_together():
    is_held_out = validation_people(NAMES, 0.1, seed=0)
    sides = {name: set() for name in NAMES}
    for name, side in zip(NAMES, is_held_out, strict=True):
        sides[name].add(bool(side))
    assert all(len(seen) == 1 for seen in sides.values())


@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_the_fraction_is_that_of_the_people(fraction):
    people = [str(number) for number in range(20_000)]
    # One standard error of 20,000 draws is .003 at most.
    found = validation_people(people, fraction, seed=0).mean()
    assert found == pytest.approx(fraction, abs=0.01)


def test_new_people_move_nobody():
    before = validation_people(NAMES, 0.3, seed=1)
    after = validation_people([*NAMES, "Person_900", "Person_901"], 0.3, seed=1)
    np.testing.assert_array_equal(after[: len(NAMES)], before)


def test_another_seed_keeps_out_others():
    first = validation_people(NAMES, 0.3, seed=0)
    second = validation_people(NAMES, 0.3, seed=1)
    assert (first != second).any()


def test_too_few_people_are_refused():
    with pytest.raises(InvalidConfig, match="3 people"):
        validation_people(["a", "b", "c"], 0.5, seed=0)


def test_small_collections_keep_two_people_on_each_side():
    for fraction in (0.001, 0.999):
        is_held_out = validation_people(["a", "b", "c", "d", "d"], fraction, seed=0)
        people = {name for name, out in zip("abcdd", is_held_out, strict=True) if out}
        assert len(people) == 2


def test_names_of_folders_need_not_be_utf8():
    names = [f"P{number}\udcff" for number in range(20) for _ in range(2)]
    out = validation_people(names, 0.3, 0)
    assert 2 <= out.sum() <= 36
