"""Which chips make up each step, and whose masks they wear; drawn before any work.

The batch of a step is drawn as a whole and then divided into the micro-batches of all
processes, so that it depends neither on their number nor on --accumulate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masking.errors import InvalidConfig

Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Of one row in one epoch; the number of a view fits below.
MAX_VIEWS = 1000
# A collection is small where its rows are shown as often: of a quarter of the largest.
_SMALL = 2.0


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's chips, or a micro-batch of them.

    Attributes:
        epoch, step: from 0; steps count through the whole training.
        rows: (B,) int64 rows of the training data.
        views: (B,) int64; a row that is in an epoch several times has views
            0, 1, ..., each with its own mask and jitter.
        masked: (B,) bool, which chips get a mask; those with a real one get none.
        mask_ids: (B,) int64; the mask is drawn from (seed, epoch, mask id), so that
            chips with one id wear the same mask.
    """

    epoch: int
    step: int
    rows: Whole
    views: Whole
    masked: NDArray[np.bool_]
    mask_ids: Whole

    def micro_batch(self, number: int, count: int) -> Batch:
        """The `number`-th of `count` equal runs of chips.

        Raises:
            InvalidConfig: the chips cannot be divided equally.
        """
        if len(self.rows) % count:
            raise InvalidConfig(
                f"a batch of {len(self.rows)} chips cannot be divided equally into "
                f"{count} micro-batches (processes times --accumulate). Change "
                "--batch-size."
            )
        size = len(self.rows) // count
        chosen = slice(number * size, (number + 1) * size)
        return Batch(
            self.epoch,
            self.step,
            self.rows[chosen],
            self.views[chosen],
            self.masked[chosen],
            self.mask_ids[chosen],
        )


@dataclass(frozen=True)
class SamplerConfig:
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


def balanced(collections: NDArray[np.str_]) -> NDArray[np.float64]:
    """(N,) how often each row is shown in an epoch, 1 for those of the largest.

    A collection a hundred times as small is shown ten times as often, so that the
    largest does not drown the others, and nobody's few photos are shown for ever.

    Args:
        collections: (N,) where each row comes from.

    Source: square-root sampling, Mahajan et al., "Exploring the limits of weakly
    supervised pretraining", ECCV 2018, section 2.2.
    """
    _, place, counts = np.unique(collections, return_inverse=True, return_counts=True)
    return np.asarray(np.sqrt(counts.max() / counts)[place])


def drawn_together(labels: Whole, sampling: SamplerConfig) -> Whole:
    """Labels for `sample_epoch`, in which nobody's rows (-1) have groups of K, too."""
    nobody = labels < 0
    groups = np.arange(nobody.sum()) // max(1, sampling.samples)
    drawn: Whole = labels.copy()
    drawn[nobody] = labels.max(initial=-1) + 1 + groups
    return drawn


def steps_of_epoch(
    labels: Whole, sampling: SamplerConfig, collections: NDArray[np.str_] | None = None
) -> int:
    """How many batches an epoch has; the last short one is left out.

    Args:
        collections: see `sample_epoch`.
    """
    shown = balanced(_one_unless(collections, labels))
    if not sampling.samples:
        drawn = round(float(shown.sum()))
        return drawn // min(sampling.batch_size, drawn)
    groups = int(_groups(labels, shown, sampling).sum())
    return max(1, groups // (sampling.batch_size // sampling.samples))


def _groups(
    labels: Whole, shown: NDArray[np.float64], sampling: SamplerConfig
) -> Whole:
    """(P,) groups of K chips that each person has in an epoch."""
    # Sums of roots that ought to be whole may be a trifle more.
    chips = np.bincount(labels, weights=shown).round(6)
    return np.asarray(np.ceil(chips / sampling.samples), dtype=np.int64)


def sample_epoch(
    labels: Whole,
    sampling: SamplerConfig,
    epoch: int,
    collections: NDArray[np.str_] | None = None,
    wears_mask: Flags | None = None,
) -> Iterator[Batch]:
    """The batches of one epoch, the same ones for the same (seed, epoch).

    Args:
        labels: (N,) person of each row, 0 to P - 1.
        collections: (N,) where each row comes from; None = from one place. Small ones
            are shown more often and fill batches of their own.
        wears_mask: (N,) rows with a real mask, which count as masked; None = none.
    """
    rng = np.random.default_rng([sampling.seed, epoch])
    places = _one_unless(collections, labels)
    real = np.zeros(len(labels), bool) if wears_mask is None else wears_mask
    if sampling.samples:
        rows, views = _by_person(labels, places, sampling, rng)
    else:
        rows, views = _one_by_one(balanced(places), rng)
    size = min(sampling.batch_size, len(rows))
    steps = steps_of_epoch(labels, sampling, places)
    for number in range(steps):
        chosen = slice(number * size, (number + 1) * size)
        some, seen = rows[chosen], views[chosen]
        masked = _masked(real[some], sampling, rng)
        ids = some * MAX_VIEWS + seen
        ids = share_masks(ids, labels[some], masked, sampling.shared_masks, rng)
        step = epoch * steps + number
        yield Batch(epoch, step, some, seen, masked, ids)


def _one_unless(
    collections: NDArray[np.str_] | None, labels: Whole
) -> NDArray[np.str_]:
    return np.full(len(labels), "") if collections is None else collections


def _one_by_one(
    shown: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Whole, Whole]:
    """Rows and views in shuffled order."""
    # The fractions are spread over the rows, the same sum in every epoch.
    ends = np.cumsum(shown).round(6)
    times = np.diff(np.round(ends).astype(np.int64), prepend=0)
    rows = np.repeat(np.arange(len(shown)), times)
    views = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
    order = rng.permutation(len(rows))
    return rows[order], views[order]


def _by_person(
    labels: Whole,
    collections: NDArray[np.str_],
    sampling: SamplerConfig,
    rng: np.random.Generator,
) -> tuple[Whole, Whole]:
    """Rows and views in groups of K chips of one person, in shuffled order.

    Every row is there at least once; people with fewer than K rows, or whose
    rows do not fill the last group, show some of them again.
    """
    shown = balanced(collections)
    by_person = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels))[:-1]
    groups: list[tuple[Whole, Whole]] = []
    counts = _groups(labels, shown, sampling) * sampling.samples
    for own, wanted in zip(np.split(by_person, ends), counts, strict=True):
        own = rng.permutation(own)
        place = np.arange(wanted)
        rows, views = own[place % len(own)], place // len(own)
        groups += zip(
            rows.reshape(-1, sampling.samples),
            views.reshape(-1, sampling.samples),
            strict=True,
        )
    first = np.array([rows[0] for rows, _ in groups])
    small = np.where(shown[first] < _SMALL, "", collections[first])
    order = _apart(small, sampling.batch_size // sampling.samples, rng)
    return (
        np.concatenate([groups[index][0] for index in order]),
        np.concatenate([groups[index][1] for index in order]),
    )


def _apart(
    places: NDArray[np.str_], size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """A random order of (G,) groups in which whole batches come from one place.

    People of a small collection look alike to the network: in a batch of all they would
    be too few to be mistaken for each other.

    Args:
        size: groups in a batch.
    """
    batches: list[Whole] = []
    left: list[Whole] = []
    for place in np.unique(places):
        own = rng.permutation(np.flatnonzero(places == place))
        whole = len(own) // size * size
        batches += list(own[:whole].reshape(-1, size))
        left.append(own[whole:])
    rest = rng.permutation(np.concatenate(left))
    whole = len(rest) // size * size
    batches += list(rest[:whole].reshape(-1, size))
    shuffled = [batches[number] for number in rng.permutation(len(batches))]
    return np.concatenate([*shuffled, rest[whole:]])


def _masked(real: Flags, sampling: SamplerConfig, rng: np.random.Generator) -> Flags:
    """(B,) bool: which chips of a batch get a mask.

    Args:
        real: (B,) those that wear one. They are the first of a person's masked samples.
    """
    fraction, count = sampling.masked_fraction, len(real)
    if not sampling.samples:
        return np.asarray((rng.random(count) < fraction) & ~real)
    inner = 1 if 0 < fraction < 1 else 0
    masked_samples = np.clip(
        round(sampling.samples * fraction), inner, max(inner, sampling.samples - inner)
    )
    # Whichever sample of a person it is, so that views and masks are unrelated.
    drawn = rng.random((count // sampling.samples, sampling.samples))
    ranks = (drawn - real.reshape(drawn.shape)).argsort(axis=1).argsort(axis=1)
    return np.asarray((ranks < masked_samples).ravel() & ~real)


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
