"""Distances beside a cohort, worked out by hand and on drawn people."""

import numpy as np
import pytest

from training.metrics.pairs import compare_within
from training.metrics.score_normalization import (
    LEAST_PEOPLE,
    NEAREST,
    Cohort,
    EmbeddedFaces,
    cohort_of,
    distances,
    offset_distances,
    paired_distances,
    squared_distances,
)
from training.metrics.verification import tar_at_far


def test_scores_are_mean_squares_to_the_ten_nearest():
    cohort = Cohort.of(np.arange(12, dtype=np.float32)[:, None], 1.0)
    # From 0 the ten nearest are at 0 to 9, from 100 those at 2 to 11.
    found = cohort.scores(np.array([[0], [100], [np.nan]], np.float32))
    near, far = np.arange(10.0), 100 - np.arange(2.0, 12.0)
    np.testing.assert_allclose(found[:2], [(near**2).mean(), (far**2).mean()])
    assert np.isnan(found[2])


def test_distances_are_plain_ones_where_both_have_the_mean_score():
    rng = np.random.default_rng(0)
    # Nobody here has a score below 0.1.
    cohort = Cohort.of(rng.normal(size=(50, 3)), 0.1)
    rows = rng.normal(size=(4, 3)).astype(np.float32)
    columns = rng.normal(size=(5, 3)).astype(np.float32)
    plain = np.linalg.norm(rows[:, None] - columns, axis=2)
    np.testing.assert_allclose(distances(rows, columns, None), plain, rtol=1e-5)
    added = (
        cohort.mean_score
        - (cohort.scores(rows)[:, None] + cohort.scores(columns)[None]) / 2
    )
    squares = plain**2 + added
    expected = np.sign(squares) * np.sqrt(np.abs(squares))
    found = distances(rows, columns, cohort)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    offsets = cohort.offsets(rows), cohort.offsets(columns)
    np.testing.assert_array_equal(offset_distances(rows, columns, *offsets), found)
    np.testing.assert_allclose(
        paired_distances(rows, columns[:4], offsets[0] + offsets[1][:4]),
        np.diag(found),
        rtol=1e-5,
    )


def test_a_face_below_the_mean_score_pays_all_of_it_one_above_gets_half():
    cohort = Cohort.of(np.full((20, 1), 3.0, np.float32), 4.0)
    rows = np.array([[2.0], [1.0], [0.0]], np.float32)
    # Squares to the cohort: 1, 4 and 9, so 3 below the mean, the mean and 5 above.
    np.testing.assert_allclose(cohort.offsets(rows), [3, 0, -5 / 2])
    found = squared_distances(rows, rows, cohort)
    np.testing.assert_allclose(found[0], [0 + 6, 1 + 3 + 0, 4 + 3 - 2.5])


def test_a_further_collection_adds_its_means_and_leaves_the_rest():
    cohort = Cohort.of(np.full((20, 1), 3.0, np.float32), 4.0)
    # Six people in one place: one mean, drawn until there are enough, five times.
    more = cohort.with_collection(np.full((6, 1), -1.0, np.float32), seed=0)
    assert more.mean_score == 4.0
    assert more.members.ravel().tolist() == [3.0] * 20 + [-1.0] * 5
    # A face far from both keeps its ten nearest; one beside the new ones does not.
    faces = np.array([[4.0], [-1.0]], np.float32)
    np.testing.assert_allclose(cohort.scores(faces), [1, 16])
    np.testing.assert_allclose(more.scores(faces), [1, 8])


def test_distances_of_a_lonely_place_are_negative_and_never_cut():
    """Cut at 0, all of these would be at the same distance."""
    cohort = Cohort.of(np.full((20, 1), 3.0, np.float32), 1.0)
    rows = np.array([[0.0], [0.1], [0.3]], np.float32)
    # Squares to the cohort: 9, 2.9^2 and 2.7^2; half of what is above 1 is taken off.
    offsets = [(1 - 9) / 2, (1 - 8.41) / 2, (1 - 7.29) / 2]
    squares = [2 * offsets[0], 0.01 + sum(offsets[:2]), 0.09 + offsets[0] + offsets[2]]
    found = squared_distances(rows[:1], rows, cohort)[0]
    np.testing.assert_allclose(found, squares, rtol=1e-4)
    roots = distances(rows[:1], rows, cohort)[0]
    np.testing.assert_allclose(roots, -np.sqrt(np.abs(squares)), rtol=1e-4)
    assert roots[0] < roots[1] < roots[2] < 0


def test_nearly_equal_vectors_keep_their_digits():
    base = np.full((1, 128), 10.0, np.float32)
    near = base.copy()
    near[0, 0] += 1e-3
    expected = np.linalg.norm((near - base).astype(np.float64))
    assert distances(base, near, None)[0, 0] == pytest.approx(expected, rel=1e-5)


def test_a_face_that_was_not_acquired_is_near_to_nobody():
    cohort = Cohort.of(np.random.default_rng(0).normal(size=(20, 2)), 1.0)
    lost = np.full((1, 2), np.nan, np.float32)
    there = np.zeros((1, 2), np.float32)
    assert np.isinf(distances(lost, there, cohort)).all()
    assert np.isinf(distances(there, lost, cohort)).all()
    assert np.isinf(paired_distances(lost, there, np.zeros(1))).all()


def test_one_threshold_fits_faces_near_everybody_and_far_ones():
    """A quarter of the people live in a place half as wide, and look half as varied."""
    rng = np.random.default_rng(0)

    def faces(people, photos):
        width = np.where(np.arange(people) % 4, 1.0, 0.5)[:, None]
        home = np.where(np.arange(people) % 4, 4.0, -4.0)[:, None]
        middles = home + width * rng.normal(size=(people, 16))
        owners = np.repeat(np.arange(people, dtype=np.int32), photos)
        looks = middles[owners] + 0.5 * width[owners] * rng.normal(
            size=(len(owners), 16)
        )
        return looks.astype(np.float32), owners

    impostors, owners = faces(2000, 1)
    cohort = cohort_of(impostors, 0)
    rows, owners = faces(200, 3)
    photos = np.arange(len(rows), dtype=np.int32)
    plain = tar_at_far(compare_within(EmbeddedFaces(rows, owners, photos)), 1e-3)
    fair = tar_at_far(compare_within(EmbeddedFaces(rows, owners, photos, cohort)), 1e-3)
    assert fair > plain + 0.15, (plain, fair)


def test_members_are_means_of_several_people():
    people = np.random.default_rng(0).normal(size=(LEAST_PEOPLE, 8)).astype(np.float32)
    cohort = cohort_of(people, 3)
    assert NEAREST < len(cohort.members) <= LEAST_PEOPLE // 6
    nearest = distances(cohort.members, people, None).min(axis=1)
    assert nearest.min() > 0.1
    np.testing.assert_array_equal(cohort.members, cohort_of(people, 3).members)
    halves = cohort.members.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(cohort.members, halves)
    # Distances keep their size.
    assert cohort.mean_score == pytest.approx(cohort.scores(people).mean(), abs=1e-4)


def test_a_member_is_the_mean_of_at_least_three_people():
    # 1,200 people in a sixth as many places, so that each place is a cluster: two
    # people in the first place, three in the second.
    sizes = np.r_[2, 3, np.full(191, 6), np.full(7, 7)]
    people = np.repeat(np.arange(200, dtype=np.float32), sizes)[:, None]
    assert len(people) == LEAST_PEOPLE == 1200
    cohort = cohort_of(people, 0)
    assert sorted(cohort.members.ravel()) == list(range(1, 200))


def test_a_small_collection_gets_members_of_its_own():
    # Twelve people far from 1,200 others, three in each of four places: 12 // 6 = 2
    # clusters a draw, of six people each; five draws give ten members and no more.
    rng = np.random.default_rng(0)
    many = rng.normal(size=(LEAST_PEOPLE, 2)).astype(np.float32)
    few = np.repeat(
        np.array([[90, 0], [91, 0], [90, 9], [91, 9]], np.float32), 3, axis=0
    )
    people = np.concatenate([many, few])
    collections = ["many"] * len(many) + ["few"] * len(few)
    apart = cohort_of(people, 0, collections).members
    assert (apart[:, 0] > 50).sum() == 10
    assert (cohort_of(people, 0).members[:, 0] > 50).sum() < 5
    own = sorted({tuple(row) for row in apart[apart[:, 0] > 50].tolist()})
    assert all(x == 90.5 and y in (0, 9) for x, y in own)


def test_few_people_make_no_cohort():
    assert cohort_of(np.zeros((LEAST_PEOPLE - 1, 8), np.float32), 0) is None


@pytest.mark.parametrize(
    ("members", "usual"),
    [
        (np.zeros((NEAREST, 4)), 1.0),
        (np.zeros(40), 1.0),
        (np.full((20, 4), np.nan), 1.0),
        (np.zeros((20, 4)), 0.0),
        (np.zeros((20, 4)), np.nan),
    ],
)
def test_what_is_no_cohort_is_refused(members, usual):
    with pytest.raises(ValueError):
        Cohort(members.astype(np.float32), usual)
