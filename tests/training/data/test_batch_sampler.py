from collections import Counter
from typing import Any

import numpy as np
import pytest

from masking.errors import InvalidConfig
from training.data.batch_sampler import (
    SamplerConfig,
    balanced,
    drawn_together,
    sample_epoch,
    share_masks,
    steps_of_epoch,
)

# Person 0 has five photos, person 1 two, persons 2 and 3 one.
LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 2, 3])


def sampling(**changes):
    usual: dict[str, Any] = {
        "batch_size": 4,
        "samples": 0,
        "masked_fraction": 0.5,
        "shared_masks": 0.0,
        "seed": 3,
    }
    return SamplerConfig(**(usual | changes))


def test_faces_of_nobody_fill_groups_of_their_own():
    labels = np.array([0, -1, 1, -1, -1])
    grouped = drawn_together(labels, sampling(samples=2))
    assert grouped.tolist() == [0, 2, 1, 2, 3]
    assert drawn_together(labels, sampling()).tolist() == [0, 2, 1, 3, 4]
    assert labels.tolist() == [0, -1, 1, -1, -1]


def test_an_epoch_shows_each_row_once_and_leaves_the_short_batch_out():
    batches = list(sample_epoch(LABELS, sampling(), epoch=2))
    assert len(batches) == steps_of_epoch(LABELS, sampling()) == 2
    rows = np.concatenate([batch.rows for batch in batches])
    assert len(set(rows.tolist())) == 8
    assert [batch.step for batch in batches] == [4, 5]
    again = next(sample_epoch(LABELS, sampling(), epoch=2))
    np.testing.assert_array_equal(again.rows, batches[0].rows)
    np.testing.assert_array_equal(again.masked, batches[0].masked)
    assert (
        next(sample_epoch(LABELS, sampling(), 3)).rows.tolist()
        != batches[0].rows.tolist()
    )


def test_few_rows_make_one_batch():
    (batch,) = sample_epoch(LABELS, sampling(batch_size=64), 0)
    assert sorted(batch.rows) == list(range(9))


def test_batches_hold_p_people_times_k_samples_masked_and_unmasked():
    wanted = sampling(batch_size=6, samples=3, masked_fraction=0.65)
    batches = list(sample_epoch(LABELS, wanted, 0))
    # Groups of three: two of person 0, one of each other; two groups a batch.
    assert len(batches) == steps_of_epoch(LABELS, wanted) == 2
    for batch in batches:
        people = LABELS[batch.rows].reshape(2, 3)
        assert (people == people[:, :1]).all()
        assert batch.masked.reshape(2, 3).sum(axis=1).tolist() == [2, 2]
    everything = [
        (int(row), int(view))
        for batch in sample_epoch(LABELS, sampling(batch_size=15, samples=3), 0)
        for row, view in zip(batch.rows, batch.views, strict=True)
    ]
    assert len(everything) == len(set(everything)) == 15
    assert Counter(row for row, _ in everything)[7] == 3  # the only photo of 2
    assert {row for row, _ in everything} == set(range(9))


@pytest.mark.parametrize("fraction", [0.2, 0.65])
def test_single_chips_are_masked_with_that_chance(fraction):
    labels = np.arange(20_000)
    batch = next(
        sample_epoch(labels, sampling(batch_size=20_000, masked_fraction=fraction), 0)
    )
    # One standard error is .0034 at most.
    assert batch.masked.mean() == pytest.approx(fraction, abs=0.012)


def test_of_many_samples_that_fraction_is_masked():
    wanted = sampling(batch_size=30, samples=10, masked_fraction=0.3)
    for batch in sample_epoch(LABELS, wanted, 0):
        assert set(batch.masked.reshape(-1, 10).sum(axis=1)) == {3}


def test_two_samples_are_one_masked_and_one_unmasked_at_any_fraction():
    for fraction in (0.01, 0.65, 0.99):
        batch = next(
            sample_epoch(LABELS, sampling(samples=2, masked_fraction=fraction), 0)
        )
        assert batch.masked.reshape(-1, 2).sum(axis=1).tolist() == [1, 1]
    batch = next(sample_epoch(LABELS, sampling(samples=2, masked_fraction=1.0), 0))
    assert batch.masked.all()


def test_no_sample_is_masked_at_a_fraction_of_none():
    plan = next(sample_epoch(LABELS, sampling(samples=2, masked_fraction=0.0), 0))
    assert not plan.masked.any()


def test_fewer_people_than_a_batch_holds_make_one_batch():
    # Groups of two: three of person 0, one of each other, twelve chips in all.
    wanted = sampling(batch_size=64, samples=2)
    assert steps_of_epoch(LABELS, wanted) == 1
    (plan,) = sample_epoch(LABELS, wanted, 0)
    assert len(plan.rows) == 12


def test_every_two_photos_of_a_person_meet_in_some_epoch():
    labels, wanted = np.zeros(4, dtype=int), sampling(batch_size=2, samples=2)
    plans = [
        plan for epoch in range(40) for plan in sample_epoch(labels, wanted, epoch)
    ]
    met = {tuple(sorted(plan.rows.tolist())) for plan in plans}
    # 80 draws miss one of the six couples with a chance of 6 * (5/6)**80 < 1e-5.
    assert met == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}


def test_every_view_of_a_row_has_a_mask_of_its_own():
    wanted = sampling(batch_size=15, samples=3)
    (plan,) = sample_epoch(LABELS, wanted, 0)
    np.testing.assert_array_equal(plan.mask_ids, 1000 * plan.rows + plan.views)
    assert plan.views.max() == 2 and len(set(plan.mask_ids.tolist())) == 15


def test_photos_of_one_person_never_fraction_a_mask():
    ids, masked = np.arange(40), np.ones(40, dtype=bool)
    alone = share_masks(ids, ids * 0, masked, 1.0, np.random.default_rng(0))
    np.testing.assert_array_equal(alone, ids)


def test_impostors_wear_one_mask():
    labels = np.arange(40) % 10
    ids, masked = np.arange(40), np.arange(40) < 30
    found = share_masks(ids, labels, masked, 0.6, np.random.default_rng(0))
    changed = np.flatnonzero(found != ids)
    # 15 pairs at most, 9 are wanted; some couples are of one person.
    assert 6 <= len(changed) <= 9
    assert masked[changed].all()
    for place in changed:
        (lender,) = np.flatnonzero(ids == found[place])
        assert labels[lender] != labels[place] and masked[lender]
        assert found[lender] == ids[lender]
    none = share_masks(ids, labels, masked, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(none, ids)


def test_parts_are_equal_runs_of_the_whole_batch():
    batch = next(sample_epoch(LABELS, sampling(batch_size=6, shared_masks=1.0), 0))
    parts = [batch.micro_batch(number, 3) for number in range(3)]
    for name in ("rows", "views", "masked", "mask_ids"):
        whole = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(whole, getattr(batch, name))
    assert len(parts[1].rows) == 2
    with pytest.raises(InvalidConfig, match="6 chips cannot be divided"):
        batch.micro_batch(0, 4)


def places(**counts):
    return np.repeat(list(counts), list(counts.values()))


def test_small_collections_are_shown_more_often():
    shown = balanced(places(large=16, small=4))
    assert shown.tolist() == [1] * 16 + [2] * 4
    assert balanced(np.array([""] * 3)).tolist() == [1] * 3


@pytest.mark.parametrize("samples", [0, 2])
def test_rows_come_as_often_as_their_collection_asks_for(samples):
    # Person 0 has eight rows of a large collection, person 1 two: each comes twice.
    labels, where = np.array([0] * 8 + [1] * 2), places(large=8, small=2)
    wanted = sampling(batch_size=12, samples=samples)
    assert steps_of_epoch(labels, wanted, where) == 1
    (batch,) = sample_epoch(labels, wanted, 0, where)
    counts = Counter(batch.rows.tolist())
    assert [counts[row] for row in range(10)] == [1] * 8 + [2] * 2
    views = {(row, view) for row, view in zip(batch.rows, batch.views, strict=True)}
    assert len(views) == 12


def test_fractions_of_rows_add_up():
    # 9 rows of one, 4 of another that are shown 1.5 times: 15 chips.
    where = places(large=9, small=4)
    wanted = sampling(batch_size=15)
    assert steps_of_epoch(np.arange(13), wanted, where) == 1
    (batch,) = sample_epoch(np.arange(13), wanted, 0, where)
    counts = Counter(batch.rows.tolist())
    assert sorted(counts[row] for row in range(9, 13)) == [1, 1, 2, 2]
    assert [counts[row] for row in range(9)] == [1] * 9


def test_small_collections_fill_batches_of_their_own():
    # 16 people of the large and 4 of the small collection, a pair of chips each; the
    # small one is shown twice, so that two batches of four people are its own.
    where = places(large=32, small=8)
    labels = np.repeat(np.arange(20), 2)
    batches = list(sample_epoch(labels, sampling(batch_size=8, samples=2), 0, where))
    kinds = [set(where[batch.rows]) for batch in batches]
    assert sorted(map(sorted, kinds)) == [["large"]] * 4 + [["small"]] * 2
    orders = {
        tuple(
            len(set(where[batch.rows]) & {"small"})
            for batch in sample_epoch(
                labels, sampling(batch_size=8, samples=2), epoch, where
            )
        )
        for epoch in range(8)
    }
    assert len(orders) > 2  # not always first or last
    # Collections that are nearly as large as the largest are mixed with it.
    where = places(large=24, medium=16)
    batches = list(sample_epoch(labels, sampling(batch_size=8, samples=2), 0, where))
    assert max(len(set(where[batch.rows])) for batch in batches) == 2


def test_real_masks_are_the_first_of_the_masked_samples():
    labels = np.zeros(4, dtype=int)
    wanted = sampling(samples=4)
    for count, rendered in ((0, 2), (1, 1), (2, 0), (3, 0)):
        real = np.arange(4) < count
        for epoch in range(5):
            (batch,) = sample_epoch(labels, wanted, epoch, wears_mask=real)
            assert batch.masked.sum() == rendered
            assert not batch.masked[real[batch.rows]].any()
    (batch,) = sample_epoch(
        labels, sampling(masked_fraction=1.0), 0, wears_mask=np.arange(4) < 1
    )
    assert sorted(batch.rows[batch.masked].tolist()) == [1, 2, 3]
