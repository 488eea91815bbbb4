import numpy as np
import pytest

from training.metrics.identification import (
    Search,
    open_set_searches,
    ranks,
    tpir_at_fpir,
)
from training.metrics.score_normalization import Cohort, EmbeddedFaces


def faces(values, people, photos):
    return EmbeddedFaces(
        np.array(values, np.float32)[:, None],
        np.array(people, np.int32),
        np.array(photos, np.int32),
    )


# Templates: person 0 at 1, person 1 at 5, person 2 at 9.
GALLERY = faces([0, 2, 5, 9], [0, 0, 1, 2], [0, 1, 2, 3])


def test_rank_is_one_more_than_the_closer_people():
    found = ranks(faces([1.5, 4, 1], [0, 0, 2], [10, 11, 12]), GALLERY)
    np.testing.assert_array_equal(found.ranks, [1, 2, 3])
    assert found.rate(1) == pytest.approx(1 / 3)
    assert found.cmc(3) == pytest.approx([1 / 3, 2 / 3, 1])
    assert found.gallery_people == 3


def test_a_tie_counts_against_the_probe():
    assert ranks(faces([3], [0], [10]), GALLERY).ranks == [2]


def test_a_rendered_probe_does_not_find_its_own_original():
    # Rendered on photograph 0: the template of person 0 is photograph 1 alone,
    # 4.0 away from -2, so that 5 (7 away) is still second.
    found = ranks(faces([-2, 3.4], [0, 0], [0, 0]), GALLERY)
    np.testing.assert_array_equal(found.ranks, [1, 1])
    # With its original the template would be at 1, and 3.4 closer to person 1.
    assert ranks(faces([3.4], [0], [10]), GALLERY).ranks == [2]


def test_a_photograph_of_no_reference_leaves_the_template_whole():
    gallery = faces([0, 2, 5, 9], [0, 0, 1, 2], [20, 21, 22, 23])
    # The template is at 1, and 3.4 closer to person 1; without 0 it would be at 2.
    for photo in (10, 30):
        assert ranks(faces([3.4], [0], [photo]), gallery).ranks == [2]


def test_probes_without_another_reference_are_left_out_and_counted():
    found = ranks(faces([5, 5, 5], [1, 1, 3], [2, 10, 11]), GALLERY)
    np.testing.assert_array_equal(found.ranks, [1])
    assert found.left_out == 2


def test_faces_not_acquired_are_errors():
    gallery = faces([0, np.nan, 9], [0, 1, 2], [0, 1, 2])
    found = ranks(faces([np.nan, 5, 0], [0, 1, 0], [10, 11, 12]), gallery)
    np.testing.assert_array_equal(found.ranks, [np.inf, np.inf, 1])
    assert found.gallery_people == 2
    assert found.rate(1) == pytest.approx(1 / 3)


def test_no_probe_gives_no_rate():
    assert np.isnan(ranks(faces([], [], []), GALLERY).rate(1))


def test_offsets_of_a_cohort_count_as_the_mean_of_the_photos():
    rng = np.random.default_rng(0)
    cohort = Cohort.of(rng.normal(size=(30, 3)), 2.0)
    people = np.repeat(np.arange(20, dtype=np.int32), 3)
    photos = np.arange(60, dtype=np.int32)
    rows = rng.normal(size=(60, 3)).astype(np.float32)
    looks = (rows + 0.5 * rng.normal(size=(60, 3))).astype(np.float32)
    gallery = EmbeddedFaces(rows, people, photos, cohort)
    # Every probe is rendered on a photograph of the gallery.
    found = ranks(EmbeddedFaces(looks, people, photos, cohort), gallery)
    own, mine = cohort.offsets(looks), cohort.offsets(rows)
    for number, rank in enumerate(found.ranks):
        squares = np.empty(20)
        for person in range(20):
            used = (people == person) & (photos != number)
            apart = looks[number] - rows[used].mean(axis=0)
            squares[person] = apart @ apart + own[number] + mine[used].mean()
        away = np.maximum(squares, 0)
        person = people[number]
        assert rank == (away <= away[person]).sum()
    plain = ranks(
        EmbeddedFaces(looks, people, photos), EmbeddedFaces(rows, people, photos)
    )
    assert (plain.ranks != found.ranks).any()


def search(own, outside, own_people=None, outside_people=None):
    return Search(
        1,
        np.array(own, float),
        np.zeros(len(own), np.int32) if own_people is None else own_people,
        np.array(outside, float),
        np.zeros(len(outside), np.int32) if outside_people is None else outside_people,
    )


def test_one_nonmated_in_a_hundred_may_be_accepted():
    outside = np.arange(1, 101) / 100
    # The closest nonmated, 0.01, may pass, the next one, 0.02, may not.
    one = search([0.005, 0.015, 0.02, 0.5], outside)
    assert one.threshold(0.01, np.ones(1, np.int64)) == pytest.approx(0.02)
    assert tpir_at_fpir((one,), 0.01) == pytest.approx(2 / 4)
    assert tpir_at_fpir((one,), 0.0) == pytest.approx(1 / 4)
    assert tpir_at_fpir((one,), 1.0) == 1.0


def test_rounding_does_not_cost_the_last_nonmated():
    # 0.29 * 100 is 28.999999999999996 in floating point.
    one = search([0.5], np.arange(1, 101) / 100)
    assert one.threshold(0.29, np.ones(1, np.int64)) == 0.3


def test_somebody_as_close_in_the_gallery_is_a_miss():
    # Everybody but person 0 is at 2, so that a probe at 1 ties with any of them.
    references = faces([0, 2, 2, 2], [0, 1, 2, 3], range(4))
    probe = faces([1], [0], [10])
    for one in open_set_searches(probe, references, np.random.default_rng(0)):
        assert np.isinf(one.own).all()


def test_people_without_a_template_are_not_in_the_gallery():
    references = faces([0, np.nan, 2, 3], [0, 1, 2, 3], range(4))
    searches = open_set_searches(
        faces([0], [0], [10]), references, np.random.default_rng(0)
    )
    assert sorted(one.gallery_people for one in searches) == [1, 2]


def test_faces_not_acquired_are_misses_and_no_false_positives():
    one = search([0.1, np.inf], [0.3, np.inf])
    assert tpir_at_fpir((one,), 0.0) == 0.5
    # Half of the nonmated may pass, so everything found counts.
    assert tpir_at_fpir((one,), 0.5) == 0.5


def test_each_search_has_its_own_threshold():
    strict, easy = search([0.2, 0.4], [0.3]), search([0.5, 0.5], [0.6])
    assert tpir_at_fpir((strict, easy), 0.0) == pytest.approx(3 / 4)


def test_a_person_drawn_twice_counts_twice():
    people = np.array([0, 1], np.int32)
    one = search([0.1, 0.9], [0.5], own_people=people)
    assert tpir_at_fpir((one,), 0.0, np.array([1, 1])) == pytest.approx(1 / 2)
    assert tpir_at_fpir((one,), 0.0, np.array([2, 1])) == pytest.approx(2 / 3)


def test_without_nonmated_there_is_no_figure():
    assert np.isnan(tpir_at_fpir((search([0.1], []),)))
    assert np.isnan(tpir_at_fpir((search([], [0.1]),)))


def test_every_person_is_outside_once():
    # Person p at 10 p, two references each; person 3 has one, rendered on.
    people = np.array([0, 0, 1, 1, 2, 2, 3], np.int32)
    references = faces(10 * people + [0, 1, 0, 1, 0, 1, 0], people, np.arange(7))
    probes = faces([0.5, 10.5, 24, 30], [0, 1, 2, 3], [0, 10, 11, 6])
    searches = open_set_searches(probes, references, np.random.default_rng(0))
    outside = np.concatenate([one.outside_people for one in searches])
    assert sorted(outside) == [0, 1, 2, 3]
    # Person 3 has no other photograph, so it is never looked for as known.
    known = np.concatenate([one.own_people for one in searches])
    assert sorted(known) == [0, 1, 2]
    for one in searches:
        assert one.gallery_people == 2
        assert not set(one.own_people) & set(one.outside_people)
    own = dict(zip(known, np.concatenate([one.own for one in searches]), strict=True))
    # Rendered on photograph 0 at 0, so only the one at 1 remains.
    assert own[0] == pytest.approx(0.5)
    assert own[1] == pytest.approx(0.0)
    assert own[2] == pytest.approx(3.5)


def test_somebody_closer_in_the_gallery_is_a_miss():
    references = faces([0, 1, 2, 3], [0, 1, 2, 3], range(4))
    probes = faces([0.6, 1.6, 2.6, 0.4], [0, 1, 2, 3], range(10, 14))
    searches = open_set_searches(probes, references, np.random.default_rng(0))
    for one in searches:
        members = set(one.own_people)
        for person, found in zip(one.own_people, one.own, strict=True):
            closer = {0: 1, 1: 2, 2: 3, 3: 0}[int(person)] in members
            # Person 3's probe at 0.4 is closer to everybody else.
            assert np.isinf(found) == (closer or person == 3)
    assert sum(len(one.own) for one in searches) == 4
