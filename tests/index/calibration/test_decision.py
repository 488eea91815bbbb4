"""Decisions by hand: scores, mask states, two templates a person, look-alikes."""

from dataclasses import replace

import pytest

from index.calibration import decision
from index.calibration.calibration import PAIRS, MatchProbability
from index.calibration.decision import (
    DecisionPolicy,
    calibration_of,
    nearness_in,
    policy_of,
)
from index.calibration.thresholds import Thresholds
from index.engines.neighbours import Neighbour
from index.gallery.gallery import open_or_create_gallery
from tests.fakes.drawn_calibrations import flat_calibration
from tests.fakes.galleries import FakeEmbedder, photo
from training.embedders.mask_classifier import MaskState

UNMASKED, MASKED = MaskState(0.1, 0.2), MaskState(0.9, 0.2)
NAMES = {number: f"Person_{number}" for number in range(1, 10)}


def near(number, square, masked_template=False):
    return Neighbour(number, square, masked_template)


def policy(calibration=None, **settings):
    options = {"calibrated": True, "gallery_size": 10, "fpir": 0.01} | settings
    return DecisionPolicy(calibration or flat_calibration(0.5), **options)


def test_the_score_is_what_is_left_to_the_threshold_in_hundredths():
    # 100 * (0.5 - 0.43) and 100 * (0.5 - 0.6).
    decided = policy().decide([near(2, 0.6), near(1, 0.43)], NAMES, UNMASKED)
    assert [match.person_id for match in decided.matches] == [1, 2]
    assert [match.score for match in decided.matches] == pytest.approx([7, -10])
    assert (decided.names, decided.name) == (("Person_1",), "Person_1")
    assert decided.gap == pytest.approx(17.0)


def test_a_score_of_zero_is_accepted():
    found = [near(1, 0.25)]
    assert (
        policy(flat_calibration(0.25)).decide(found, NAMES, UNMASKED).name == "Person_1"
    )
    assert policy(flat_calibration(0.2499)).decide(found, NAMES, UNMASKED).names == ()


def test_squares_below_nothing_stay_apart():
    """Beside a cohort two photos of a lonely place are less than nothing apart."""
    decided = policy().decide([near(1, -0.125), near(2, -0.25)], NAMES, UNMASKED)
    assert [match.score for match in decided.matches] == [75.0, 62.5]
    assert decided.name == "Person_2"


def test_nobody_comes_near():
    decided = policy().decide([], {}, MASKED)
    assert (decided.names, decided.matches, decided.gap) == ((), (), None)
    assert (decided.name, decided.answer) == (None, "unknown")
    assert decided.mask_state == MASKED


def test_the_mask_of_the_probe_chooses_the_threshold():
    strict = policy(flat_calibration(0.5, masked_unmasked=0.3))
    unmasked, masked = (
        strict.decide([near(1, 0.4)], NAMES, state) for state in (UNMASKED, MASKED)
    )
    assert (unmasked.name, unmasked.matches[0].score) == ("Person_1", pytest.approx(10))
    assert (masked.name, masked.matches[0].score) == (None, pytest.approx(-10))


def test_the_order_shown_is_the_order_decided():
    both = policy(flat_calibration(0.5, masked_masked=0.3))
    # 0.35 is 5 above what masked templates need, 0.4 is 10 below what plain ones do.
    decided = both.decide([near(1, 0.35, True), near(2, 0.4)], NAMES, MASKED)
    assert decided.name == "Person_2"
    assert [match.score for match in decided.matches] == pytest.approx([10, -5])
    assert decided.gap == pytest.approx(15)


def test_means_of_many_photos_have_to_be_nearer():
    counts = {(1, False): 5, (1, True): 2}
    strict = policy(
        flat_calibration(0.25, spread=0.4), photo_counts=lambda people: counts
    )
    # 0.25 * (1 - 0.4 * 4/5) = 0.17; masked templates have twice the spread: 0.15.
    assert strict.score(0.17, False, photos=5) == pytest.approx(0)
    assert strict.score(0.15, False, True, photos=2) == pytest.approx(0)
    found = [near(1, 0.16), near(2, 0.2)]
    decided = strict.decide(found, NAMES, UNMASKED)
    # 100 * (0.25 - 0.2) of one photo, 100 * (0.17 - 0.16) of five.
    assert [match.score for match in decided.matches] == pytest.approx([5, 1])
    assert decided.name == "Person_2"
    assert strict.decide(found[:1], NAMES, UNMASKED).name == "Person_1"
    # Without the correction the nearer would have won.
    plain = policy(flat_calibration(0.25)).decide(found, NAMES, UNMASKED)
    assert plain.name == "Person_1"


def test_nothing_farther_has_a_higher_score_than_the_highest():
    strict = policy(flat_calibration(0.5, spread=0.4, masked_unmasked=0.6))
    # 100 * (0.6 - 0.35), that of one photo.
    assert strict.highest(0.35, masked_probe=True) == pytest.approx(25)
    assert strict.highest(0.35, masked_probe=False) == pytest.approx(15)


def test_a_person_counts_once_with_the_template_for_faces_like_the_probe():
    found = [near(1, 0.2), near(1, 0.25, True), near(2, 0.4)]
    unmasked, masked = (
        policy().decide(found, NAMES, state) for state in (UNMASKED, MASKED)
    )
    assert [match.masked_template for match in unmasked.matches] == [False, False]
    assert unmasked.gap == pytest.approx(20)
    # Although the plain one is nearer.
    assert [match.masked_template for match in masked.matches] == [True, False]
    assert masked.gap == pytest.approx(15)


@pytest.mark.parametrize(("state", "masked"), [(UNMASKED, False), (MASKED, True)])
def test_the_other_template_of_a_person_names_nobody(state, masked):
    own, other = near(1, 0.6, masked), near(1, 0.1, not masked)
    decided = policy().decide([other, own], NAMES, state)
    assert decided.names == ()
    assert [match.score for match in decided.matches] == pytest.approx([-10])
    # Who has no template of the right kind is compared with the one that is there.
    assert policy().decide([other], NAMES, state).name == "Person_1"


def test_people_who_were_removed_meanwhile_are_left_out():
    decided = policy().decide([near(99, 0.1), near(1, 0.2)], NAMES, UNMASKED)
    assert [match.person_id for match in decided.matches] == [1]


def test_the_json_distance_is_the_plain_one():
    # The offsets of both took 0.2 off a square of 0.64.
    found = Neighbour(1, 0.44, offset=-0.2)
    (match,) = policy().decide([found], NAMES, UNMASKED).matches
    assert match.distance == pytest.approx(0.8)
    assert match.score == pytest.approx(6)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_two_with_the_same_score_are_alike_whatever_their_numbers(order):
    model = MatchProbability(9.0, 9.0, 1.0)
    even = policy(flat_calibration(0.5, {"unmasked": model}))
    decided = even.decide([near(number, 0.125) for number in order], NAMES, UNMASKED)
    assert decided.names == ("Person_1", "Person_2")
    assert (decided.name, decided.answer) == (None, "Person_1 or Person_2")
    # One of the two it is, but each name is as likely as the other.
    assert decided.probability == pytest.approx(0.5)


def test_people_within_the_calibrated_gap_who_pass_are_alike():
    known = policy(flat_calibration(0.5, alike=4.0))
    found = [near(1, 0.30), near(2, 0.33), near(3, 0.35), near(4, 0.51)]
    # Scores of 20, 17, 15 and -1: 15 is more than 4 lower, masked faces have 8.
    assert known.decide(found, NAMES, UNMASKED).answer == "Person_1 or Person_2"
    worn = known.decide(found, NAMES, MASKED)
    assert worn.answer == "Person_1, Person_2 or Person_3"
    # Who does not pass is no doubt, however near.
    alone = known.decide([near(1, 0.49), near(4, 0.51)], NAMES, UNMASKED)
    assert alone.names == ("Person_1",)


def test_probability_is_that_of_the_two_highest_scores():
    model = MatchProbability(0.0, 2.0, 1.0)
    known = flat_calibration(0.5, {"masked": model}, masked_masked=0.4)
    found = [near(1, 0.1), near(1, 0.3, True), near(2, 0.35, True)]
    decided = policy(known).decide(found, NAMES, MASKED)
    assert decided.probability == pytest.approx(model.of(10, 5))
    assert decided.no_probability == ""


def test_without_a_probability_a_sentence_says_why():
    model = MatchProbability(0.0, 2.0, 1.0)
    known = flat_calibration(0.5, {"unmasked": model})
    found = [near(1, 0.4), near(2, 0.45)]
    measured = policy(known).decide(found, NAMES, UNMASKED)
    assert measured.probability == pytest.approx(model.of(10, 5))
    few = policy(known).decide(found, NAMES, MASKED)
    assert few.probability is None
    assert "fewer than 20 people with several photos" in few.no_probability
    unsure = policy(known, calibrated=False).decide(found, NAMES, UNMASKED)
    assert (unsure.probability, unsure.calibrated) == (None, False)
    assert "nothing was measured for this model" in unsure.no_probability


def test_probability_is_that_of_one_in_a_hundred_whatever_rate_is_asked_for():
    model = MatchProbability(0.0, 2.0, 1.0)
    table = Thresholds((1, 100), (0.01, 0.1), ((0.5, 0.7), (0.5, 0.7)), 100)
    tables = dict.fromkeys(PAIRS, table)
    known = replace(flat_calibration(0.5, {"unmasked": model}), thresholds=tables)
    decided = policy(known, fpir=0.1).decide([near(1, 0.4)], NAMES, UNMASKED)
    assert decided.matches[0].score == pytest.approx(30)
    assert decided.probability == pytest.approx(model.of(10))


def test_another_score_to_accept_from_changes_nothing_else():
    model = MatchProbability(0.0, 1.0, 1.0)
    strict = policy(flat_calibration(0.5, {"unmasked": model}), accepted_from=20.5)
    decided = strict.decide([near(1, 0.3)], NAMES, UNMASKED)
    assert (decided.names, decided.accepted_from) == ((), 20.5)
    assert decided.matches[0].score == pytest.approx(20)
    assert decided.probability == pytest.approx(model.of(20))
    easy = policy(accepted_from=-11.0).decide([near(1, 0.6)], NAMES, UNMASKED)
    assert easy.name == "Person_1"


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as opened:
        opened.add(
            [
                photo(f"Person_{i:02d}", [3, i, 0, 0], masked_reference=[3, i, 1, 0])
                for i in range(4)
            ]
        )
        yield opened


def test_an_empty_gallery_is_decided_as_one_of_one_person(tmp_path):
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as empty:
        found = policy_of(empty)
        assert found.gallery_size == 1
        assert found.decide([], {}, UNMASKED).names == ()


def test_the_gallerys_own_calibration_comes_first(gallery, monkeypatch):
    shipped, own = flat_calibration(0.4), flat_calibration(0.3)
    assert calibration_of(gallery)[1] is False
    assert not policy_of(gallery).calibrated
    monkeypatch.setattr(
        decision, "shipped_calibration", {gallery.fingerprint: shipped}.get
    )
    assert calibration_of(gallery) == (shipped, True)
    gallery.set_calibration(own.to_json())
    assert calibration_of(gallery) == (own, True)
    found = policy_of(gallery)
    # People: of their two templates a face is compared with one.
    assert (found.calibrated, found.gallery_size) == (True, 4)
    assert found.score(0.1, masked_probe=True) == pytest.approx(20)


def test_a_gallery_of_people_who_are_alike_is_stricter(gallery):
    gallery.set_calibration(flat_calibration(0.25).to_json())
    # Four people tell nothing.
    assert nearness_in(gallery) == {"unmasked": 0, "masked": 0}
    gallery.add(
        [
            photo(f"A{i:02d}", [0, 9 + i / 10, 0, 0], masked_reference=[9, i, 0, 0])
            for i in range(12)
        ]
    )
    # Of the 120 pairs of 16 people the nearest 8 are a tenth apart; masked references
    # a whole step, which is farther than impostors come.
    nearer = pytest.approx({"unmasked": 0.25 - 0.01 - 0.0125 * 0.25, "masked": 0})
    found = policy_of(gallery)
    assert found.nearer == nearer
    # .0131 is left of .25.
    assert found.score(0.0, masked_probe=False) == pytest.approx(1.3125, abs=1e-4)
    assert found.score(0.0, masked_probe=True, masked_template=True) == 25


def test_a_stricter_calibration_has_stricter_probabilities():
    model = MatchProbability(0.5, 2.0, 1.0)
    known = flat_calibration(0.5, {"unmasked": model, "masked": model})
    found = known.stricter({"unmasked": 0.1, "masked": 0.0})
    # .1 squared are 10 of the score, half of which are .5 tens.
    assert found.probability["masked-unmasked"] == MatchProbability(1.5, 2.0, 1.0)
    assert found.probability["masked-masked"] == model
    assert found.threshold(10, 0.01, True, False) == pytest.approx(0.4)
