"""Open-set search, with answers by hand."""

import numpy as np
import pytest

from index.open_set_metrics import Search, open_set, tpir_at_fpir
from training.comparisons import EmbeddedFaces


def faces(values, people, photos):
    return EmbeddedFaces(
        np.array(values, np.float32)[:, None],
        np.array(people, np.int32),
        np.array(photos, np.int32),
    )


def search(own, outside, own_people=None, outside_people=None):
    return Search(
        1,
        np.array(own, float),
        np.zeros(len(own), np.int32) if own_people is None else own_people,
        np.array(outside, float),
        np.zeros(len(outside), np.int32) if outside_people is None else outside_people,
    )


def test_one_outsider_in_a_hundred_may_be_accepted():
    outside = np.arange(1, 101) / 100
    # The closest outsider, 0.01, may pass, the next one, 0.02, may not.
    one = search([0.005, 0.015, 0.02, 0.5], outside)
    assert one.threshold(0.01, np.ones(1, np.int64)) == pytest.approx(0.02)
    assert tpir_at_fpir((one,), 0.01) == pytest.approx(2 / 4)
    assert tpir_at_fpir((one,), 0.0) == pytest.approx(1 / 4)
    assert tpir_at_fpir((one,), 1.0) == 1.0


def test_faces_not_acquired_are_misses_and_no_false_positives():
    one = search([0.1, np.inf], [0.3, np.inf])
    assert tpir_at_fpir((one,), 0.0) == 0.5
    # Half of the outsiders may pass, so everything found counts.
    assert tpir_at_fpir((one,), 0.5) == 0.5


def test_each_search_has_its_own_threshold():
    strict, easy = search([0.2, 0.4], [0.3]), search([0.5, 0.5], [0.6])
    assert tpir_at_fpir((strict, easy), 0.0) == pytest.approx(3 / 4)


def test_a_person_drawn_twice_counts_twice():
    people = np.array([0, 1], np.int32)
    one = search([0.1, 0.9], [0.5], own_people=people)
    assert tpir_at_fpir((one,), 0.0, np.array([1, 1])) == pytest.approx(1 / 2)
    assert tpir_at_fpir((one,), 0.0, np.array([2, 1])) == pytest.approx(2 / 3)


def test_without_outsiders_there_is_no_figure():
    assert np.isnan(tpir_at_fpir((search([0.1], []),)))
    assert np.isnan(tpir_at_fpir((search([], [0.1]),)))


def test_every_person_is_outside_once():
    # Person p at 10 p, two references each; person 3 has one, painted on.
    people = np.array([0, 0, 1, 1, 2, 2, 3], np.int32)
    references = faces(10 * people + [0, 1, 0, 1, 0, 1, 0], people, np.arange(7))
    probes = faces([0.5, 10.5, 24, 30], [0, 1, 2, 3], [0, 10, 11, 6])
    searches = open_set(probes, references, np.random.default_rng(0)).searches(
        cohort=False
    )
    outside = np.concatenate([one.outside_people for one in searches])
    assert sorted(outside) == [0, 1, 2, 3]
    # Person 3 has no other photograph, so it is never looked for as known.
    known = np.concatenate([one.own_people for one in searches])
    assert sorted(known) == [0, 1, 2]
    for one in searches:
        assert one.gallery_people == 2
        assert not set(one.own_people) & set(one.outside_people)
    own = dict(zip(known, np.concatenate([one.own for one in searches]), strict=True))
    # Painted on photograph 0 at 0, so only the one at 1 remains.
    assert own[0] == pytest.approx(0.5)
    assert own[1] == pytest.approx(0.0)
    assert own[2] == pytest.approx(3.5)


def test_somebody_closer_in_the_gallery_is_a_miss():
    references = faces([0, 1, 2, 3], [0, 1, 2, 3], range(4))
    probes = faces([0.6, 1.6, 2.6, 0.4], [0, 1, 2, 3], range(10, 14))
    searches = open_set(probes, references, np.random.default_rng(0)).searches(
        cohort=False
    )
    for one in searches:
        members = set(one.own_people)
        for person, found in zip(one.own_people, one.own, strict=True):
            closer = {0: 1, 1: 2, 2: 3, 3: 0}[int(person)] in members
            # Person 3's probe at 0.4 is closer to everybody else.
            assert np.isinf(found) == (closer or person == 3)
    assert sum(len(one.own) for one in searches) == 4


@pytest.mark.parametrize("cohort", [False, True])
def test_a_face_that_is_near_to_everybody_is_no_match(cohort):
    """300 people; every third one has a dull probe: half as far from everybody."""
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(300, 32))
    people = np.arange(300, dtype=np.int32)
    dull = people % 3 == 0
    looks = middles + 0.5 * rng.normal(size=middles.shape)
    looks[dull] *= 0.3
    references = EmbeddedFaces(middles.astype(np.float32), people, people)
    probes = EmbeddedFaces(looks.astype(np.float32), people, people + 100)
    searches = open_set(probes, references, rng).searches(cohort=cohort)
    own = np.concatenate([one.own for one in searches])
    outside = np.concatenate([one.outside for one in searches])
    outsiders = np.concatenate([one.outside_people for one in searches])
    assert np.isfinite(outside).all()
    if cohort:
        assert (own[np.isfinite(own)] < 1).all()
        assert (outside < 1).all()
    nearest = outsiders[np.argsort(outside)[:100]]
    assert (dull[nearest].mean() > 0.8) != cohort


def test_scores_of_faces_not_acquired_are_infinite_with_a_cohort_too():
    rng = np.random.default_rng(0)
    people = np.arange(300, dtype=np.int32)
    rows = rng.normal(size=(300, 32)).astype(np.float32)
    lost = rows.copy()
    lost[::2] = np.nan
    searches = open_set(
        EmbeddedFaces(lost, people, people + 100),
        EmbeddedFaces(rows, people, people),
        rng,
    ).searches(cohort=True)
    for one in searches:
        assert np.isinf(one.own[one.own_people % 2 == 0]).all()
        assert np.isinf(one.outside[one.outside_people % 2 == 0]).all()
        np.testing.assert_allclose(one.own[one.own_people % 2 == 1], 0, atol=1e-6)
