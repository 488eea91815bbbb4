"""What thresholds are worth on people at known places of a number line."""

import math
from dataclasses import replace

import numpy as np
import pytest

from index.calibration import check
from index.calibration.calibration import MatchProbability
from index.calibration.check import check_views
from index.datasets.embed_views import EmbeddedViews
from masking.datasets.collections import NO_MASK
from masking.errors import InvalidConfig
from tests.fakes.drawn_calibrations import flat_calibration
from tests.fakes.galleries import FakeEmbedder

NOT_FOUND = math.nan


def views_of(places, masks=None, references=None):
    rows = np.array(places, dtype=np.float32)[:, None]
    under = np.array(references or places, dtype=np.float32)[:, None]
    count = len(places)
    return EmbeddedViews(
        np.arange(count, dtype=np.int32),
        tuple(masks or [NO_MASK] * count),
        ("drawn",) * count,
        ("",) * count,
        (rows,),
        (under,),
    )


@pytest.fixture
def halves(monkeypatch):
    """People 0 and 1 make one half, 2 and 3 the other."""
    fixed = np.array([0, 1], np.int32), np.array([2, 3], np.int32)
    monkeypatch.setattr(check, "_halves", lambda people: fixed)


def checked(views, people, calibration, fpir):
    numbers = np.array(people, dtype=np.int32)
    return check_views(views, numbers, FakeEmbedder(), calibration, fpir)


# The first photo of each person is enrolled, the second one is looked for.
PLACES = [0.0, 0.1, 2.0, 2.2, 0.4, 9.0, 5.0, NOT_FOUND]
PEOPLE = [0, 0, 1, 1, 2, 2, 3, 3]


def test_people_who_are_alike_make_the_check_stricter(monkeypatch):
    # Ten people to a half, a step of .1 apart within it, ten between the halves.
    numbers = np.arange(20, dtype=np.int32)
    halves = numbers[:10], numbers[10:]
    monkeypatch.setattr(check, "_halves", lambda people: halves)
    places = [0.1 * n + 9 * (n > 9) for n in range(20) for _ in range(2)]
    people = [n for n in range(20) for _ in range(2)]
    (found,) = checked(views_of(places), people, flat_calibration(0.25), 0.25)
    # Of 45 pairs 8 are looked at, and 9 are .1 apart; .0125 of .25 is chance.
    assert found.stricter == pytest.approx(100 * (0.25 - 0.01 - 0.0125 * 0.25))


def test_rates_by_hand(halves):
    (found,) = checked(views_of(PLACES), PEOPLE, flat_calibration(0.25), 0.25)
    assert (found.probes, found.gallery, found.people) == ("unmasked", 2, 4)
    # As an impostor person 0 is 0.3 from 2, the others are 1.8, 7 and nowhere.
    assert found.fpir.value == 0.25
    # Persons 0 and 1 are 0.1 and 0.2 from their own, 2 is 8.6, 3 was not found.
    assert found.tpir.value == 0.5
    assert found.not_found == 0.25
    # One of four may be named: more than 100 * (0.25 - 1.8^2) has to be reached.
    assert found.accepted_from.value == pytest.approx(-299, abs=1e-3)
    assert found.accepted_from.value > -299.0001


def test_the_error_of_probabilities_by_hand(halves):
    # s(0 * score + log 3) = 3/4 whatever the score, and no gap: half of it.
    model = MatchProbability(math.log(3), 0.0, 0.0)
    known = flat_calibration(0.25, {"unmasked": model})
    (found,) = checked(views_of(PLACES), PEOPLE, known, 0.25)
    # Of those looked for 0 and 1 come first, 2 comes after 3, whose probe was not
    # found: 2/3 are right, of impostors none, and of both together 1/3.
    assert found.calibration_error == pytest.approx(3 / 8 - 1 / 3)
    assert 0.1 < found.error_by_chance < 0.4
    (none,) = checked(views_of(PLACES), PEOPLE, flat_calibration(0.25), 0.25)
    assert math.isnan(none.calibration_error)


def test_intervals_are_those_of_drawn_people(halves):
    (found,) = checked(views_of(PLACES), PEOPLE, flat_calibration(0.25), 0.25)
    # Of four drawn people none to three are person 0 in 95% of the draws.
    assert (found.fpir.low, found.fpir.high) == (0.0, 0.75)
    assert found.tpir.low == 0.0 and found.tpir.high == 1.0
    assert found.accepted_from.low <= found.accepted_from.value


def test_where_nobody_is_named_or_everybody_the_interval_is_exact(halves):
    (found,) = checked(views_of([NOT_FOUND] * 8), PEOPLE, flat_calibration(0.25), 0.25)
    # Were the rate .602, all four would be spared in (1 - .602) ** 4 = .025 of cases.
    assert (found.fpir.low, found.tpir.low) == (0, 0)
    assert found.fpir.high == pytest.approx(0.602, abs=0.001)
    apart = [0.0, 0.1, 20.0, 20.1, 40.0, 40.1, 60.0, 60.1]
    (found,) = checked(views_of(apart), PEOPLE, flat_calibration(0.25), 0.25)
    assert (found.tpir.value, found.tpir.high) == (1, 1)
    assert found.tpir.low == pytest.approx(0.398, abs=0.001)


def test_what_could_not_be_read_does_not_count(halves):
    views = replace(views_of(PLACES), unread=frozenset([7]))
    (found,) = checked(views, PEOPLE, flat_calibration(0.25), 0.25)
    # Person 3 has no second photo then.
    assert (found.people, found.not_found) == (3, 0)


def test_few_people_do_not_say_where_one_in_a_hundred_is(halves):
    (found,) = checked(views_of(PLACES), PEOPLE, flat_calibration(0.25), 0.01)
    assert math.isnan(found.accepted_from.value)


def test_people_count_alike_however_many_photos_they_have(halves):
    # Two photos enrolled of five; the first of three probes is near person 0.
    places = [*PLACES[:4], 7.0, 7.0, 7.0, 0.1, 7.0, 7.0, 5.0, 5.0]
    people = [*PEOPLE[:4], *[2] * 6, 3, 3]
    (found,) = checked(views_of(places), people, flat_calibration(0.25), 0.25)
    assert found.fpir.value == pytest.approx((0 + 0 + 1 / 3 + 0) / 4)
    assert found.tpir.value == pytest.approx((1 + 1 + 2 / 3 + 1) / 4)


def test_masked_probes_are_compared_with_masked_references(halves):
    masks = [NO_MASK, "cloth"] * 4
    references = [0.0, 0.1, 2.0, 2.2, 8.9, 9.0, 5.0, NOT_FOUND]
    known = flat_calibration(0.001, masked_masked=0.25)
    (found,) = checked(views_of(PLACES, masks, references), PEOPLE, known, 0.25)
    assert found.probes == "masked"
    # Person 2 is 0.1 from what a mask made of the photo, and nobody is near 0.
    assert found.tpir.value == 0.75
    assert found.fpir.value == 0.0


def test_who_has_no_unmasked_photo_is_compared_by_the_masked_template(halves):
    masks = [NO_MASK, NO_MASK, "cloth", "cloth", NO_MASK, NO_MASK, NO_MASK, NO_MASK]
    places = [0.0, 0.1, 2.0, 2.1, 8.0, 8.1, 5.0, 2.3]
    known = flat_calibration(0.02, unmasked_masked=0.1)
    unmasked, masked = checked(views_of(places, masks), PEOPLE, known, 0.25)
    # Person 3 is 0.3 from 1, whose template is a masked one: 0.09 is below 0.1.
    assert unmasked.fpir.value == pytest.approx(1 / 3)
    assert (unmasked.people, masked.people) == (3, 1)


def test_where_no_face_was_found_nobody_is_named(halves):
    (found,) = checked(views_of([NOT_FOUND] * 8), PEOPLE, flat_calibration(0.25), 0.25)
    assert (found.fpir.value, found.tpir.value, found.not_found) == (0, 0, 1)


def test_halves_are_of_all_people_once():
    drawn = check._halves(np.arange(9, dtype=np.int32))
    for one, other in zip(drawn[::2], drawn[1::2], strict=True):
        assert sorted([*one, *other]) == list(range(9))
        assert (len(one), len(other)) == (4, 5)


@pytest.mark.parametrize(("people", "times"), [(4, 20), (300, 7), (2000, 1), (9999, 1)])
def test_few_people_are_halved_several_times(people, times):
    drawn = check._halves(np.arange(people, dtype=np.int32))
    assert len(drawn) == 2 * times
    assert len({tuple(one) for one in drawn[::2]}) > times / 4


def test_rates_are_means_over_all_halvings(monkeypatch):
    drawn = [np.array(half, np.int32) for half in ([0, 1], [2, 3], [0, 2], [1, 3])]
    monkeypatch.setattr(check, "_halves", lambda people: drawn)
    (found,) = checked(views_of(PLACES), PEOPLE, flat_calibration(0.25), 0.25)
    # Person 0 is near 2 alone, who is a stranger to them in the first halving, and
    # whose probe is far from all in both.
    assert found.fpir.value == pytest.approx((1 + 0) / 2 / 4)
    # Persons 0 and 1 are found in both.
    assert found.tpir.value == 0.5
    # Of eight one may be named twice, as impostors: the next is 1.8 away.
    assert found.accepted_from.value == pytest.approx(-299, abs=1e-3)


def test_three_people_are_too_few():
    with pytest.raises(InvalidConfig, match="needs 4 people, half of them impostors"):
        checked(views_of([0.0, 1.0, 2.0]), [0, 1, 2], flat_calibration(0.25), 0.01)
