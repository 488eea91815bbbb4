"""Ranks, with answers by hand."""

import numpy as np
import pytest

from training.metrics.identification import ranks
from training.metrics.pairs import EmbeddedFaces
from training.metrics.score_normalization import Cohort


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
