"""Decisions by hand: mask states, two templates a person, margins, probabilities."""

from dataclasses import replace

import pytest

from index.calibration import decision
from index.calibration.calibration import PAIRS, Match
from index.calibration.decision import DecisionPolicy, calibration_of, policy_of
from index.calibration.probabilities import MatchProbability
from index.calibration.thresholds import Thresholds
from index.gallery.gallery import open_or_create_gallery
from tests.fakes.drawn_calibrations import flat_calibration
from tests.fakes.galleries import FakeEmbedder, photo
from training.embedders.mask_classifier import MaskState

BARE, MASKED = MaskState(0.1, 0.2), MaskState(0.9, 0.2)


def match(name, distance, masked_template=False):
    number = int(name.removeprefix("Person_"))
    return Match(name, number, distance, "euclidean", masked_template)


def policy(calibration=None, **settings):
    options = {"calibrated": True, "gallery_size": 10, "fpir": 0.01} | settings
    return DecisionPolicy(calibration or flat_calibration(0.5), **options)


def test_accepts_strictly_below_the_threshold():
    matches = [match("Person_01", 0.43), match("Person_02", 0.6)]
    assert policy().decide(matches, BARE).name == "Person_01"
    assert policy(flat_calibration(0.43)).decide(matches, BARE).name is None


def test_nobody_comes_near():
    decided = policy().decide([], MASKED)
    assert (decided.name, decided.matches, decided.margin) == (None, (), None)
    assert decided.mask_state == MASKED


def test_margin_is_how_much_farther_the_second_person_is():
    matches = [match("Person_02", 0.45), match("Person_01", 0.3)]
    decided = policy().decide(matches, BARE)
    assert [found.name for found in decided.matches] == ["Person_01", "Person_02"]
    assert decided.margin == pytest.approx(0.15)
    assert policy().decide(matches[:1], BARE).margin is None


def test_the_mask_of_the_probe_chooses_the_threshold():
    strict = policy(flat_calibration(0.5, masked_unmasked=0.3))
    matches = [match("Person_01", 0.4)]
    unmasked, masked = (strict.decide(matches, state) for state in (BARE, MASKED))
    assert (unmasked.name, unmasked.threshold) == ("Person_01", 0.5)
    assert (masked.name, masked.threshold) == (None, 0.3)


def test_templates_of_both_kinds_compete_by_their_thresholds():
    both = policy(flat_calibration(0.5, masked_masked=0.3))
    # 0.35 is above what masked templates need, 0.4 below what plain ones do.
    matches = [match("Person_01", 0.35, True), match("Person_02", 0.4)]
    decided = both.decide(matches, MASKED)
    assert decided.name == "Person_02"
    assert decided.threshold == 0.5
    assert decided.margin == pytest.approx(0.15)  # 0.05 above against 0.1 below


def test_means_of_many_photos_have_to_be_nearer():
    counts = {(1, False): 5, (1, True): 2}
    strict = policy(
        flat_calibration(0.5, spread=0.4), photo_counts=lambda people: counts
    )
    # 0.25 * (1 - 0.4 * 4/5) = 0.17; masked templates have twice the spread: 0.15.
    assert strict.threshold(False, photos=5) == pytest.approx(0.17**0.5)
    assert strict.threshold(False, True, photos=2) == pytest.approx(0.15**0.5)
    decided = strict.decide([match("Person_01", 0.42), match("Person_02", 0.45)], BARE)
    assert decided.name == "Person_02"
    assert decided.threshold == 0.5
    assert decided.margin == pytest.approx(0.42 / 0.68**0.5 - 0.45)
    assert strict.decide([match("Person_01", 0.41)], BARE).name == "Person_01"
    # Without the correction the nearer would have won.
    assert (
        policy(flat_calibration(0.5))
        .decide([match("Person_01", 0.42), match("Person_02", 0.45)], BARE)
        .name
        == "Person_01"
    )


def test_a_person_counts_once_with_the_template_for_faces_like_the_probe():
    plain, covered = match("Person_01", 0.2), match("Person_01", 0.25, True)
    other = match("Person_02", 0.4)
    unmasked, masked = (
        policy().decide([plain, covered, other], state) for state in (BARE, MASKED)
    )
    assert unmasked.matches == (plain, other)
    assert unmasked.margin == pytest.approx(0.2)
    # Although the plain one is nearer.
    assert masked.matches == (covered, other)
    assert masked.margin == pytest.approx(0.15)


@pytest.mark.parametrize(("state", "masked"), [(BARE, False), (MASKED, True)])
def test_the_other_template_of_a_person_names_nobody(state, masked):
    own, other = match("Person_01", 0.6, masked), match("Person_01", 0.1, not masked)
    decided = policy().decide([other, own], state)
    assert (decided.name, decided.matches) == (None, (own,))
    # Who has no template of the right kind is compared with the one that is there.
    assert policy().decide([other], state).name == "Person_01"


def test_thresholds_are_those_of_the_template_that_counts():
    strict = policy(flat_calibration(0.5, masked_masked=0.3, unmasked_masked=0.2))
    both = [match("Person_01", 0.4), match("Person_01", 0.35, True)]
    unmasked, masked = (strict.decide(both, state) for state in (BARE, MASKED))
    assert (unmasked.name, unmasked.threshold) == ("Person_01", 0.5)
    assert (masked.name, masked.threshold) == (None, 0.3)
    assert strict.decide([], MASKED).threshold == 0.3
    assert strict.decide([], BARE).threshold == 0.5


def test_probability_of_a_masked_face_is_that_of_its_template():
    model = MatchProbability(0.0, 2.0, 1.0)
    known = flat_calibration(0.5, {"masked": model}, masked_masked=0.4)
    matches = [
        match("Person_01", 0.1),
        match("Person_01", 0.3, True),
        match("Person_02", 0.35, True),
    ]
    decided = policy(known).decide(matches, MASKED)
    assert decided.probability == pytest.approx(model.of(0.1, 0.05))


def test_probability_needs_a_calibration_for_this_mask_state():
    model = MatchProbability(0.0, 2.0, 1.0)
    known = flat_calibration(0.5, {"unmasked": model})
    matches = [match("Person_01", 0.4), match("Person_02", 0.45)]
    assert policy(known).decide(matches, BARE).probability == model.of(0.1, 0.05)
    assert policy(known).decide(matches, MASKED).probability is None
    unsure = policy(known, calibrated=False).decide(matches, BARE)
    assert (unsure.probability, unsure.calibrated) == (None, False)


def test_probability_is_that_of_one_in_a_hundred_whatever_rate_is_asked_for():
    model = MatchProbability(0.0, 2.0, 1.0)
    table = Thresholds((1, 100), (0.01, 0.1), ((0.5, 0.7), (0.5, 0.7)), 100)
    tables = dict.fromkeys(PAIRS, table)
    known = replace(flat_calibration(0.5, {"unmasked": model}), thresholds=tables)
    decided = policy(known, fpir=0.1).decide([match("Person_01", 0.4)], BARE)
    assert decided.threshold == pytest.approx(0.7)
    assert decided.probability == pytest.approx(model.of(0.1, None))


def test_threshold_by_hand_holds_for_all():
    by_hand = policy(
        flat_calibration(0.5, {"unmasked": MatchProbability(0, 1, 1)}), threshold=0.7
    )
    decided = by_hand.decide([match("Person_01", 0.6, True)], BARE)
    assert (decided.name, decided.threshold) == ("Person_01", 0.7)
    assert (decided.calibrated, decided.probability) == (False, None)


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


def test_an_empty_gallery_is_judged_as_one_of_one_person(tmp_path):
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as empty:
        found = policy_of(empty)
        assert found.gallery_size == 1
        assert found.decide([], BARE).name is None


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
    assert found.threshold(masked_probe=True) == 0.3
