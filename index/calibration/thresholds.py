"""Thresholds by gallery size and rate, from the distances of impostors; and scores.

FPIR, the false-positive identification rate, is the fraction of impostors to whom a
gallery gives some name. All distances are squared and, beside a cohort, normalised;
lower is closer, and they may be negative.

The mean of several photos lies nearer to everybody than a single photo does: the
mean of k has 1/k of the variance of one. So impostors come nearer to people with many
photos, and one threshold for all would favour these. Squared distances are made
comparable by

    d_1^2 = d_k^2 / (1 - spread * (1 - 1/k)),

which is exact for impostors and photos that are normally distributed alike in all
directions; spread is the fraction of one photo's variance in their squared distance. It
is measured on near impostors, where it matters. What normalisation brought below 0
stays as it is.

The score says how much nearer a face is than it has to be, in hundredths:

    score = 100 * (threshold - d^2).

d^2 is the squared distance of a face and a template, normalised where the embedder has
a cohort, and then possibly negative: it is never cut. The threshold is that of this
template: of its mask state and the probe's, its photos and the size of the gallery. So
0 is where a name begins to be accepted, higher is closer, and scores of all templates
can be compared.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from masking.errors import BadRecord
from masking.landmarks import Float32
from training.metrics.score_normalization import EmbeddedFaces, Float64, offset_squares

FPIRS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
# Fewer impostors below a threshold than this are luck.
_FEWEST_BELOW = 4
_LARGEST_SIZE = 1_000_000
_SIZES_A_DECADE = 4


@dataclass(frozen=True)
class Thresholds:
    """Thresholds for one mask state of probes and one of templates.

    Attributes:
        sizes: numbers of templates in a gallery, ascending.
        fpirs: rates in (0, 1), ascending.
        squares: one row a size, one column a rate: a fraction `fpir` of impostors is
            nearer than this to some template. Rows ascend.
        measured_size: the largest gallery that was measured; larger ones are
            extrapolated.
    """

    sizes: tuple[int, ...]
    fpirs: tuple[float, ...]
    squares: tuple[tuple[float, ...], ...]
    measured_size: int

    def __post_init__(self) -> None:
        table = np.array(self.squares, dtype=np.float64)
        shape = (len(self.sizes), len(self.fpirs))
        if table.shape != shape or min(shape) < 2 or not np.isfinite(table).all():
            raise BadRecord(f"thresholds of shape {table.shape}, expected {shape}")
        ascending = np.diff(self.sizes).min() > 0 and np.diff(self.fpirs).min() > 0
        if not ascending or (np.diff(table, axis=1) < 0).any():
            raise BadRecord("thresholds are not in ascending order")
        if self.sizes[0] < 1 or not 0 < self.fpirs[0] < self.fpirs[-1] < 1:
            raise BadRecord("thresholds need sizes of at least 1 and rates in (0, 1)")

    def threshold(self, gallery_size: int, fpir: float) -> float:
        """The squared distance below which a fraction `fpir` of impostors comes.

        Between the measured sizes and rates on a straight line in their logarithms,
        which is nearly how such squares fall; outside of them on the line through the
        last two.

        Args:
            gallery_size: people, at least 1.
            fpir: in (0, 1).
        """
        if gallery_size < 1 or not 0 < fpir < 1:
            raise ValueError(f"no threshold for {gallery_size} templates, FPIR {fpir}")
        by_size = [_line(self.fpirs, row, fpir) for row in self.squares]
        return _line(self.sizes, by_size, gallery_size)

    def stricter(self, by: float) -> Thresholds:
        """These with all squared distances lowered."""
        lowered = tuple(tuple(value - by for value in row) for row in self.squares)
        return replace(self, squares=lowered)


def _line(
    places: tuple[float, ...] | tuple[int, ...],
    values: tuple[float, ...] | list[float],
    wanted: float,
) -> float:
    """Piecewise linear in the logarithm of the place, continued at both ends."""
    last = len(places) - 2
    left = min(max(bisect_left(places, wanted) - 1, 0), last)
    low, high = math.log(places[left]), math.log(places[left + 1])
    fraction = (math.log(wanted) - low) / (high - low)
    return float(values[left] + fraction * (values[left + 1] - values[left]))


def sizes_up_to(largest: int) -> tuple[int, ...]:
    """Gallery sizes from 1 to the largest, evenly in the logarithm."""
    count = max(2, 1 + round(_SIZES_A_DECADE * math.log10(max(largest, 2))))
    grid = np.geomspace(1, max(largest, 2), count)
    return tuple(int(size) for size in np.unique(np.round(grid)))


def measure(squares: Float32, weights: Float64) -> Thresholds:
    """Thresholds for galleries of up to as many templates as there are columns.

    For a gallery of n of the N templates, drawn at random, the k-th nearest of a
    impostor's templates is the nearest of the drawn ones with the probability
    C(N - k, n - 1) / C(N, n). So the rates of all smaller galleries follow exactly
    from one comparison with all templates; that templates resemble each other and
    impostors differ in how near they come to everybody is measured, not assumed away.

    Args:
        squares: (S, T) of impostors to templates; infinite where a template is the
            impostor's own. Leave people out whom the embedder was trained on.
        weights: (S,) of the impostors, positive; people, not photos, count alike.

    Raises:
        ValueError: fewer than two templates or impostors, or a wrong shape.
    """
    count = int(np.isfinite(squares).sum(axis=1).min()) if squares.size else 0
    if len(squares) < 2 or count < 2 or weights.shape != (len(squares),):
        raise ValueError(
            f"thresholds need two impostors and templates, got {squares.shape}"
        )
    ranked = np.sort(squares, axis=1)[:, :count].astype(np.float64)
    fractions = weights / weights.sum()
    # Each person counts once: photos of one are no independent impostors.
    people = 1 / (fractions**2).sum()
    fpirs = tuple(rate for rate in FPIRS if rate * people >= _FEWEST_BELOW)
    fpirs = fpirs if len(fpirs) >= 2 else FPIRS[-2:]
    sizes = sizes_up_to(count)
    order = np.argsort(ranked, axis=None)
    values, impostors = ranked.ravel()[order], fractions[order // count]
    table = []
    for size in sizes:
        chances = _chance_of_rank(count, size)[order % count]
        table.append(quantiles(values, chances * impostors, fpirs))
    return Thresholds(sizes, fpirs, tuple(table), count)


def _chance_of_rank(count: int, size: int) -> Float64:
    """(count,) probability that the k-th nearest of all is the nearest of `size`."""
    # The next one's fraction of what is left: (N - k - n + 1) / (N - k).
    k = np.arange(1, count)
    falls = np.maximum(count - k - size + 1, 0) / (count - k)
    return np.concatenate([[1.0], np.cumprod(falls)]) * size / count


def quantiles(
    values: Float64, weights: Float64, fpirs: tuple[float, ...]
) -> tuple[float, ...]:
    """Largest squares below which at most each fraction of the weight lies.

    Args:
        values: (N,) ascending.
        weights: (N,) of them, of sum 1.
    """
    below = np.cumsum(weights)
    places = np.searchsorted(below, np.array(fpirs) + 1e-12, side="right")
    return tuple(values[np.minimum(places, len(values) - 1)].tolist())


def extended(measured: Thresholds, reference: Thresholds | None) -> Thresholds:
    """The same thresholds with all of FPIRS, for galleries of up to a million.

    What was not measured follows another embedder's curve, moved so that it meets
    the nearest measured one. Without a reference it goes on in larger galleries by
    the fraction of the last decade, and at rarer rates on the line of `threshold`.
    """
    largest = measured.sizes[-1]
    larger = [s for s in sizes_up_to(_LARGEST_SIZE) if s > 1.2 * largest]
    sizes = (*measured.sizes, *larger)
    first, last = measured.fpirs[0], measured.fpirs[-1]
    table = np.empty((len(sizes), len(FPIRS)))
    for row, size in enumerate(sizes):
        for column, fpir in enumerate(FPIRS):
            smaller, common = min(size, largest), min(fpir, last)
            if reference is not None:
                near = smaller, max(common, first)
                wanted, met = (reference.threshold(*to) for to in ((size, fpir), near))
                table[row, column] = _moved(measured.threshold(*near), wanted, met)
                continue
            table[row, column] = measured.threshold(smaller, common)
            if size > largest and table[row, column] > 0:
                table[row, column] *= (size / largest) ** _fall(measured)
    # A curve that was moved may cross another by a hair.
    table = np.maximum.accumulate(table, axis=1)
    return Thresholds(
        sizes,
        FPIRS,
        tuple(tuple(row) for row in table.tolist()),
        measured.measured_size,
    )


def _moved(value: float, wanted: float, met: float) -> float:
    """A threshold moved as the reference's from `met` to `wanted`."""
    # Squares fall as powers of the size, so that their ratio carries over; what is
    # below 0 beside a cohort has none.
    if min(value, wanted, met) > 0:
        return value * wanted / met
    return value + wanted - met


def _fall(measured: Thresholds) -> float:
    """The power of the size by which thresholds fall over the last decade.

    The number of people within a radius grows as a power of it, so the squared
    distance of the nearest of n falls as one of n: of dlib's network by .77, .77 and
    .79 a decade, up to 4,000 people.
    """
    largest = measured.sizes[-1]
    smaller = max(1, largest // 10)
    ends = [
        (measured.threshold(smaller, f), measured.threshold(largest, f))
        for f in measured.fpirs
    ]
    falls = [math.log(low / high) for high, low in ends if min(high, low) > 0]
    return min(0.0, float(np.mean(falls or [0.0])) / math.log(largest / smaller))


Int64 = NDArray[np.int64]

# Near impostors: the pairwise rate at which single photos and pairs are compared.
_FRACTION = 0.01
_FEWEST_PEOPLE = 10


def as_single(squares: Float32, photos: NDArray[np.int64], spread: float) -> Float32:
    """Squared distances to templates as if each were of one photo.

    Args:
        squares: (..., T) float32.
        photos: (T,) in each template, at least 1.
    """
    grown = np.maximum(squares, 0) / _scale(photos, spread)
    return np.asarray(grown + np.minimum(squares, 0), dtype=np.float32)


def limits_for(
    threshold: float, photos: NDArray[np.int64] | int, spread: float
) -> Float64:
    """Thresholds for templates of so many photos, from that for one photo."""
    shrunk = max(threshold, 0.0) * _scale(photos, spread)
    return np.asarray(shrunk + min(threshold, 0.0))


def _scale(photos: NDArray[np.int64] | int, spread: float) -> Float64:
    return np.asarray(1 - spread * (1 - 1 / np.asarray(photos)))


def measured_spread(probes: EmbeddedFaces, templates: EmbeddedFaces) -> float | None:
    """The spread of `as_single`, from people with two photos; None if too few.

    Compares how near a hundredth of all impostors come to single photos and to the
    means of two of them.
    """
    people, firsts, seconds = [], [], []
    for person in np.unique(templates.people):
        rows = np.flatnonzero(templates.people == person)
        others = rows[templates.photos[rows] != templates.photos[rows[0]]]
        if len(others):
            people.append(person)
            firsts.append(rows[0])
            seconds.append(others[0])
    if len(people) < _FEWEST_PEOPLE:
        return None
    one, other = templates.embeddings[firsts], templates.embeddings[seconds]
    impostors = probes.people[:, None] != np.array(people)
    both = ((one + other) / 2).astype(np.float32)
    added = [templates.offsets[firsts], templates.offsets[seconds]]
    added.append((added[0] + added[1]) / 2)
    near = []
    for matrix, more in zip((one, other, both), added, strict=True):
        away = offset_squares(probes.embeddings, matrix, probes.offsets, more)
        near.append(float(np.quantile(away[impostors], _FRACTION)))
    single = (near[0] + near[1]) / 2
    if single <= 0:
        return None
    # Half of it is gone with two photos. All of it never is.
    return min(max(0.0, 2 * (1 - near[2] / single)), 0.9)


_HUNDREDTHS = 100.0


def scores(
    squares: Float32 | float, threshold: float, photos: Int64 | int, spread: float
) -> Float64:
    """Scores of squared distances; -infinite where a square is infinite.

    Args:
        squares: (..., T) to templates.
        threshold: for templates of one photo.
        photos: (..., T) in each template.
        spread: see `as_single`.
    """
    limits = limits_for(threshold, photos, spread)
    return np.asarray(_HUNDREDTHS * (limits - squares))


def shown(score: float) -> str:
    """A score as people read it, with its sign: "+12.3"."""
    digits = 1
    # A score that rounds to the threshold says on which side it is.
    while round(score, digits) == 0 and score < 0 and digits < 6:
        digits += 1
    return f"{score:+.{digits}f}"


def accepted_from(score: float) -> str:
    """The score from which on a name is accepted, as people read it: "0", "+5.0"."""
    return shown(score) if score else "0"
