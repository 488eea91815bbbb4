"""Error rates, with answers by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from training.metrics.pairs import ScoredPairs, sorted_comparisons
from training.metrics.verification import (
    acceptance,
    auc,
    equal_error_rate,
    fold_accuracies,
    person_folds,
    roc,
    tar_at_far,
    threshold_at_far,
)


def comparisons(distances, weights=None, people=None):
    count = len(distances)
    return sorted_comparisons(
        np.array(distances, np.float32),
        np.ones(count) if weights is None else np.array(weights, float),
        np.zeros((count, 2), np.int32) if people is None else np.array(people),
        np.zeros((count, 2), np.int32),
    )


def pairs_of(genuine, impostor):
    return ScoredPairs(comparisons(genuine), comparisons(impostor))


@pytest.fixture
def random_pairs():
    rng = np.random.default_rng(3)
    # Rounded, so that many distances tie.
    genuine = rng.normal(0.5, 0.15, 400).clip(0).round(2)
    impostor = rng.normal(0.8, 0.12, 3000).clip(0).round(2)
    return ScoredPairs(
        comparisons(genuine, rng.uniform(0.1, 2, 400)),
        comparisons(impostor, rng.uniform(0.1, 2, 3000)),
    )


def as_labels(pairs):
    genuine, impostor = pairs.genuine, pairs.impostor
    same = np.r_[np.ones(len(genuine.weights)), np.zeros(len(impostor.weights))]
    distances = np.r_[genuine.distances, impostor.distances]
    return same, -distances, np.r_[genuine.weights, impostor.weights]


def test_perfect_separation():
    pairs = pairs_of([0.1, 0.2], [0.5, 0.9])
    assert auc(pairs) == 1.0
    assert equal_error_rate(pairs) == 0.0
    assert tar_at_far(pairs, 0.0) == 1.0


def test_auc_by_hand():
    # Of 2 x 2 comparisons 0.3 < 0.5, 0.3 = 0.3 (half), 0.4 < 0.5, 0.4 > 0.3.
    assert auc(pairs_of([0.3, 0.4], [0.3, 0.5])) == pytest.approx(2.5 / 4)


def test_auc_and_roc_agree_with_scikit_learn(random_pairs):
    same, scores, weights = as_labels(random_pairs)
    assert auc(random_pairs) == pytest.approx(
        roc_auc_score(same, scores, sample_weight=weights)
    )
    far, tar, _ = roc_curve(
        same, scores, sample_weight=weights, drop_intermediate=False
    )
    ours = roc(random_pairs)
    theirs = {(round(f, 9), round(t, 9)) for f, t in zip(far, tar, strict=True)}
    found = {
        (round(f, 9), round(t, 9)) for f, t in zip(ours.far, ours.tar, strict=True)
    }
    assert len(found) > 50
    assert found <= theirs


def test_tar_at_far_is_the_best_point_of_the_curve(random_pairs):
    same, scores, weights = as_labels(random_pairs)
    far, tar, _ = roc_curve(
        same, scores, sample_weight=weights, drop_intermediate=False
    )
    for limit in (1e-3, 1e-2, 0.1):
        expected = tar[far <= limit].max()
        assert tar_at_far(random_pairs, limit) == pytest.approx(expected)
        threshold = threshold_at_far(random_pairs.impostor, limit)
        assert acceptance(random_pairs.impostor, threshold) <= limit + 1e-12


def test_threshold_lets_exactly_one_in_a_hundred_pass():
    impostor = comparisons(np.arange(100) / 100)
    threshold = threshold_at_far(impostor, 0.01)
    assert 0.0 <= threshold < 0.01
    assert acceptance(impostor, threshold) == pytest.approx(0.01)


def test_rounding_does_not_cost_the_last_impostor():
    # 0.29 * 100 is 28.999999999999996 in floating point.
    impostor = comparisons(np.arange(100) / 100)
    assert acceptance(impostor, threshold_at_far(impostor, 0.29)) == 0.29


def test_the_curve_begins_where_even_equal_faces_are_refused():
    points = roc(pairs_of([0.0, 0.5], [0.0, 0.9]))
    assert points.far.tolist() == [0.0, 0.5, 0.5]
    assert points.tar.tolist() == [0.0, 0.5, 1.0]


def test_tied_impostors_are_accepted_together_or_not_at_all():
    impostor = comparisons([0.5] * 10 + [0.9] * 90)
    assert threshold_at_far(impostor, 0.05) < 0.5
    assert acceptance(impostor, threshold_at_far(impostor, 0.10)) == pytest.approx(0.1)


def test_equal_error_rate_where_the_rates_meet():
    # At 0.45: one of four genuine pairs is missed, one of four impostors passes.
    pairs = pairs_of([0.1, 0.2, 0.3, 0.6], [0.4, 0.7, 0.8, 0.9])
    assert equal_error_rate(pairs) == pytest.approx(0.25)


def test_pairs_not_acquired_are_errors_that_no_threshold_repairs():
    pairs = pairs_of([0.1, np.inf], [0.5, np.inf])
    assert tar_at_far(pairs, 0.0) == 0.5
    assert tar_at_far(pairs, 1.0) == 0.5
    assert acceptance(pairs.impostor, threshold_at_far(pairs.impostor, 1.0)) == 0.5
    assert equal_error_rate(pairs) == 0.5
    # 0.1 beats both; inf loses to 0.5 and ties with inf.
    assert auc(pairs) == pytest.approx((1 + 1 + 0 + 0.5) / 4)


def test_weights_count():
    genuine = comparisons([0.1, 0.6], weights=[3, 1])
    pairs = ScoredPairs(genuine, comparisons([0.5, 0.9], weights=[1, 3]))
    assert tar_at_far(pairs, 0.1) == pytest.approx(0.75)
    assert tar_at_far(pairs, 0.25) == pytest.approx(1.0)


def test_accuracy_uses_the_threshold_of_the_other_fold():
    # People 0, 1 in fold 0 would be separated at 0.2; people 2, 3 of fold 1 at 0.4.
    genuine = comparisons([0.2, 0.2, 0.4, 0.4], people=[(0, 0), (1, 1), (2, 2), (3, 3)])
    impostor = comparisons([0.3, 0.9, 0.1], people=[(0, 1), (2, 3), (0, 2)])
    pairs, folds = ScoredPairs(genuine, impostor), np.array([0, 0, 1, 1])
    # Fold 0 at 0.4: both genuine right, the impostor wrong: 0.5. Fold 1 at 0.2:
    # no genuine right, the impostor right: 0.5. The pair across folds is unused.
    assert fold_accuracies(pairs, folds) == pytest.approx([0.5, 0.5])
    # Judged by its first person, the pair across is a second wrong impostor.
    assert fold_accuracies(pairs, folds, first_decides=True) == pytest.approx(
        [0.5, 0.5]
    )


def test_a_pair_across_folds_is_judged_in_the_fold_of_its_first_person():
    genuine = comparisons([0.2, 0.2, 0.4, 0.4], people=[(0, 0), (1, 1), (2, 2), (3, 3)])
    impostor = comparisons([0.7, 0.9, 0.3], people=[(0, 1), (2, 3), (0, 2)])
    pairs, folds = ScoredPairs(genuine, impostor), np.array([0, 0, 1, 1])
    # Fold 0 at 0.4: right but for the pair across, one of two impostors. Fold 1
    # at 0.2: no genuine pair right.
    assert fold_accuracies(pairs, folds, first_decides=True) == pytest.approx(
        [0.75, 0.5]
    )
    assert fold_accuracies(pairs, folds) == pytest.approx([1.0, 0.5])


def test_the_best_threshold_weighs_impostors_and_no_pair_across_folds():
    genuine = comparisons([0.1, 0.4, 0.2, 0.6], people=[(0, 0), (1, 1), (2, 2), (3, 3)])
    impostor = comparisons(
        [0.5, 0.45, 0.5, 0.35], people=[(0, 1), (2, 3), (2, 3), (0, 2)]
    )
    pairs, folds = ScoredPairs(genuine, impostor), np.array([0, 0, 1, 1])
    # Fold 1 is best at 0.2 (TAR 1/2, FAR 0), not at 0.6 (1, 1): there fold 0 has one
    # of two genuine pairs and its impostor right. Fold 0 is best at 0.4 (1, 0); the
    # pair across at 0.35 would make 0.1 as good. Fold 1 at 0.4 is 1/2 and all right.
    assert fold_accuracies(pairs, folds) == pytest.approx([0.75, 0.75])


def test_accuracy_without_pairs_does_not_exist():
    pairs = pairs_of([0.1], [0.5])
    assert fold_accuracies(pairs, np.array([0])) == []


def test_folds_are_of_equal_size():
    folds = person_folds(95, np.random.default_rng(0))
    assert sorted(np.bincount(folds)) == [9] * 5 + [10] * 5


def test_few_people_make_folds_of_two_or_three():
    folds = person_folds(7, np.random.default_rng(0))
    assert sorted(np.bincount(folds)) == [2, 2, 3]
    assert person_folds(1, np.random.default_rng(0)).tolist() == [0]
