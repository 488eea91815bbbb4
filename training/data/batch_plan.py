"""Which chips make up each step, and whose masks they wear; drawn before any work.

A plan is drawn for the whole batch of a step and then divided among processes and
accumulated parts, so that it depends on neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masking.errors import InvalidConfig

Whole = NDArray[np.int64]
# Of one row in one epoch; the number of a view fits below.
MAX_VIEWS = 1000


@dataclass(frozen=True, eq=False)
class BatchPlan:
    """One step's chips, or a part of them.

    Attributes:
        epoch, step: from 0; steps count through the whole training.
        rows: (B,) int64 rows of the training data.
        views: (B,) int64; a row that is in an epoch's plan several times has views
            0, 1, ..., each with its own mask and jitter.
        masked: (B,) bool, which chips get a mask.
        mask_ids: (B,) int64; the mask is drawn from (seed, epoch, mask id), so that
            chips with one id wear the same mask.
    """

    epoch: int
    step: int
    rows: Whole
    views: Whole
    masked: NDArray[np.bool_]
    mask_ids: Whole

    def part(self, number: int, parts: int) -> BatchPlan:
        """The `number`-th of `parts` equal runs of chips.

        Raises:
            InvalidConfig: the chips cannot be divided equally.
        """
        if len(self.rows) % parts:
            raise InvalidConfig(
                f"a batch of {len(self.rows)} chips cannot be divided equally into "
                f"{parts} parts (processes times --accumulate). Change --batch-size."
            )
        size = len(self.rows) // parts
        chosen = slice(number * size, (number + 1) * size)
        return BatchPlan(
            self.epoch,
            self.step,
            self.rows[chosen],
            self.views[chosen],
            self.masked[chosen],
            self.mask_ids[chosen],
        )


@dataclass(frozen=True)
class PlanRules:
    """How batches are drawn.

    Attributes:
        batch_size: chips a step; all rows where there are fewer.
        samples: chips of each person in a batch (K of P x K); 0 = any rows.
        masked_fraction: of chips. Of a person's K samples at least one is masked and
            one unmasked where the fraction is neither 0 nor 1, so that the two are
            positives of each other.
        shared_masks: fraction of masked chips that wear the same mask as a chip of
            another person in their batch: impostors in one mask.
        seed: of all chance, with the epoch.
    """

    batch_size: int
    samples: int
    masked_fraction: float
    shared_masks: float
    seed: int


def steps_of_epoch(labels: Whole, rules: PlanRules) -> int:
    """How many batches an epoch has; the last short one is left out."""
    if not rules.samples:
        return len(labels) // min(rules.batch_size, len(labels))
    groups = int(np.ceil(np.bincount(labels) / rules.samples).sum())
    return max(1, groups // (rules.batch_size // rules.samples))


def plan_epoch(labels: Whole, rules: PlanRules, epoch: int) -> Iterator[BatchPlan]:
    """The batches of one epoch, the same ones for the same (seed, epoch).

    Args:
        labels: (N,) person of each row, 0 to P - 1.
    """
    rng = np.random.default_rng([rules.seed, epoch])
    steps = steps_of_epoch(labels, rules)
    if rules.samples:
        rows, views = _by_person(labels, rules, rng)
    else:
        rows = rng.permutation(len(labels))
        views = np.zeros_like(rows)
    size = min(rules.batch_size, len(rows))
    for number in range(steps):
        chosen = slice(number * size, (number + 1) * size)
        some, seen = rows[chosen], views[chosen]
        masked = _masked(len(some), rules, rng)
        ids = some * MAX_VIEWS + seen
        ids = share_masks(ids, labels[some], masked, rules.shared_masks, rng)
        step = epoch * steps + number
        yield BatchPlan(epoch, step, some, seen, masked, ids)


def _by_person(
    labels: Whole, rules: PlanRules, rng: np.random.Generator
) -> tuple[Whole, Whole]:
    """Rows and views in groups of K chips of one person, in shuffled order.

    Every row is there at least once; people with fewer than K rows, or whose
    rows do not fill the last group, show some of them again.
    """
    by_person = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels))[:-1]
    groups: list[tuple[Whole, Whole]] = []
    for own in np.split(by_person, ends):
        own = rng.permutation(own)
        wanted = -(-len(own) // rules.samples) * rules.samples
        place = np.arange(wanted)
        rows, views = own[place % len(own)], place // len(own)
        groups += zip(
            rows.reshape(-1, rules.samples),
            views.reshape(-1, rules.samples),
            strict=True,
        )
    order = rng.permutation(len(groups))
    return (
        np.concatenate([groups[index][0] for index in order]),
        np.concatenate([groups[index][1] for index in order]),
    )


def _masked(
    count: int, rules: PlanRules, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """(count,) bool: which chips of a batch get a mask."""
    fraction = rules.masked_fraction
    if not rules.samples:
        return np.asarray(rng.random(count) < fraction)
    inner = 1 if 0 < fraction < 1 else 0
    worn = np.clip(
        round(rules.samples * fraction), inner, max(inner, rules.samples - inner)
    )
    # Whichever sample of a person it is, so that views and masks are unrelated.
    ranks = rng.random((count // rules.samples, rules.samples)).argsort(axis=1)
    return np.asarray((ranks < worn).ravel())


def share_masks(
    ids: Whole,
    labels: Whole,
    masked: NDArray[np.bool_],
    fraction: float,
    rng: np.random.Generator,
) -> Whole:
    """Mask ids where a fraction of the masked chips wear another person's mask.

    Args:
        ids: (B,) each chip's own id.
        labels: (B,) each chip's person.
        fraction: of the masked chips that end up in a pair of two people in one mask.

    Returns:
        (B,) ids; of each pair the second has the id of the first.
    """
    shared: Whole = ids.copy()
    order = rng.permutation(np.flatnonzero(masked))
    pairs = order[: len(order) // 2 * 2].reshape(-1, 2)
    pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]
    chosen = pairs[: round(fraction * len(order) / 2)]
    shared[chosen[:, 1]] = shared[chosen[:, 0]]
    return shared
