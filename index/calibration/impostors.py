"""Faces of held-out people against templates of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.calibration.calibration import SMALLEST_GALLERY, USUAL_FPIR
from index.calibration.decision import MeanFaces
from index.calibration.thresholds import Thresholds, as_single, scores, sizes_up_to
from masking.landmarks import Float32
from training.metrics.score_normalization import (
    EmbeddedFaces,
    Float64,
    Indices,
    offset_squares,
    paired_squares,
)

Int64 = NDArray[np.int64]

# Infinity does for all that is not there, except where two are subtracted.
_FAR = np.float32(-1e5)
# Of the people of a gallery so many are enrolled under two names, and as many have
# somebody in it who looks like them more than anybody else does.
_ALIKE = 0.05
# Fewer people who could be enrolled twice say nothing about how alike they would be.
_FEWEST_TWICE = 20
_GAP_FRACTION = 0.95


@dataclass(frozen=True, eq=False)
class Comparisons:
    """How far probes are from the templates of everybody else, and from their own.

    All distances are squared; infinite where there is no template.

    Attributes:
        squares: (S, T) float32, infinite where a template is the probe's own person.
        photos: (T,) int64, in each template.
        own: (S, 3) float32 distances to the mean of the person's other photos, and to
            the means of each half of them, as if they were enrolled under two names.
        own_photos: (S, 3) int64, in these means.
        weights: (S,) float64; each person's sum to 1.
        spread: of `thresholds.as_single`, for these templates.
    """

    squares: Float32
    photos: Int64
    own: Float32
    own_photos: Int64
    weights: Float64
    spread: float

    def single(self) -> Float32:
        """`squares` as if all templates were of one photo."""
        return as_single(self.squares, self.photos, self.spread)


def compare(
    probes: EmbeddedFaces,
    templates: EmbeddedFaces,
    others: MeanFaces,
    spread: float,
) -> Comparisons:
    """Compare probes with the means of held-out people and with further templates.

    Args:
        probes: acquired faces.
        templates: acquired faces whose means are the templates of these people.
        others: of people who are not among the probes.
        spread: makes templates comparable, see `thresholds.as_single`.
    """
    people, places = np.unique(templates.people, return_inverse=True)
    held_out = MeanFaces.of(templates, places, len(people))
    everybody = MeanFaces.joined([others, held_out])
    squares = offset_squares(
        probes.embeddings, everybody.matrix, probes.offsets, everybody.offsets
    ).astype(np.float32)
    mine = probes.people[:, None] == people
    squares[:, len(others.photos) :][mine] = np.inf
    fractions = 1 / np.bincount(probes.people)[probes.people]
    own, photos = _own(probes, templates)
    return Comparisons(squares, everybody.photos, own, photos, fractions, spread)


def _own(probes: EmbeddedFaces, templates: EmbeddedFaces) -> tuple[Float32, Int64]:
    """`Comparisons.own` and `own_photos`; no photo counts as one."""
    count, dimension = probes.embeddings.shape
    means = np.full((3, count, dimension), np.nan, dtype=np.float32)
    offsets = np.tile(probes.offsets, (3, 1))
    photos = np.ones((3, count), dtype=np.int64)
    for row, (person, photo) in enumerate(
        zip(probes.people, probes.photos, strict=True)
    ):
        rest = np.flatnonzero(
            (templates.people == person) & (templates.photos != photo)
        )
        parts = (rest, rest[::2], rest[1::2]) if len(rest) > 1 else (rest,)
        for place, part in enumerate(parts if len(rest) else ()):
            means[place, row] = templates.embeddings[part].mean(axis=0, dtype=float)
            offsets[place, row] += templates.offsets[part].mean()
            photos[place, row] = len(part)
    squares = [
        paired_squares(probes.embeddings, mean, more)
        for mean, more in zip(means, offsets, strict=True)
    ]
    return np.stack(squares, axis=1).astype(np.float32), photos.T


@dataclass(frozen=True, eq=False)
class BestMatches:
    """The best two scores of probes in galleries of several sizes, (N,) each.

    Attributes:
        first: of the best match, at the threshold for FPIR 1%.
        second: of the next person; -infinite where there is none.
        right: whether the name of the best is the right one.
        weights: impostors and people of the gallery have half each.
        sizes: templates of the gallery.
        mated_people: people who have photos to be found by.
    """

    first: Float64
    second: Float64
    right: NDArray[np.bool_]
    weights: Float64
    sizes: Int64
    mated_people: int


def best_matches(
    compared: Comparisons, people: Indices, thresholds: Thresholds, seed: int
) -> BestMatches:
    """Identify every probe in random parts of the templates: as an impostor, and
    again, where the person has other photos, as one of the gallery's people, some of
    whom are enrolled under two names or beside a look-alike.

    Args:
        people: (S,) of the probes.
        thresholds: give the threshold for FPIR 1% of each size.
    """
    rng = np.random.default_rng(seed)
    count = compared.squares.shape[1]
    sizes = [size for size in sizes_up_to(count) if size >= SMALLEST_GALLERY]
    parts: list[_Part] = []
    rows: list[int] = []
    sizes = sizes or [count]
    for size in sizes:
        limit = thresholds.threshold(size, USUAL_FPIR)
        table = scores(compared.squares, limit, compared.photos, compared.spread)
        everybody = table.astype(np.float32)
        drawn = rng.random(everybody.shape) * count < size
        others = _best_two(np.where(drawn, everybody, _FAR))
        parts.append(_impostors(others, compared.weights))
        own = scores(compared.own, limit, compared.own_photos, compared.spread)
        parts += _mated(own, others, everybody.max(axis=1), compared.weights)
        rows.append(sum(len(part[0]) for part in parts) - sum(rows))
    first, second, right, weights = (
        np.concatenate(columns) for columns in zip(*parts, strict=True)
    )
    second[second <= _FAR] = -np.inf
    mated = np.isfinite(compared.own[:, 0])
    mated_people = len(np.unique(people[mated]))
    of_size = np.repeat(np.array(sizes, dtype=np.int64), rows)
    return BestMatches(first, second, right, weights, of_size, mated_people)


# Best scores, second ones, whether the best is right, weights.
_Part = tuple[Float64, Float64, NDArray[np.bool_], Float64]


def _best_two(table: Float32) -> Float64:
    """(S, T) to (S, 2), the higher first."""
    if table.shape[1] < 2:
        table = np.pad(table, ((0, 0), (0, 1)), constant_values=_FAR)
    return np.asarray(-np.partition(-table, 1, axis=1)[:, :2], dtype=np.float64)


def _impostors(others: Float64, weights: Float64) -> _Part:
    there = others[:, 0] > _FAR
    first, second = others[there].T
    return first, second, np.zeros(len(first), dtype=bool), _fractions(weights[there])


def _mated(
    own: Float64, others: Float64, nearest: Float32, weights: Float64
) -> Iterator[_Part]:
    """Usual galleries, those with a look-alike, and those with a second name."""
    mated, twice = np.isfinite(own[:, 0]), np.isfinite(own[:, 2])
    # Who looks like them most may be in the gallery anyway.
    next_one = np.where(nearest > others[:, 0], others[:, 0], others[:, 1])
    alike = np.stack([nearest.astype(np.float64), next_one], axis=1)
    for beside, fraction in ((others, 1 - 2 * _ALIKE), (alike, _ALIKE)):
        beside, mine = beside[mated], own[mated, 0]
        right = mine > beside[:, 0]
        first = np.maximum(mine, beside[:, 0])
        second = np.where(right, beside[:, 0], np.maximum(mine, beside[:, 1]))
        yield first, second, right, fraction * _fractions(weights[mated])
    # Either of the two names may be the one that is meant.
    low, high = np.sort(own[twice, 1:], axis=1).T
    for right in (True, False):
        fractions = _ALIKE / 2 * _fractions(weights[twice])
        yield high, low, np.full(len(high), right), fractions


def _fractions(weights: Float64) -> Float64:
    return np.asarray(weights / max(weights.sum(), 1e-9))


def name_gap(compared: Comparisons, thresholds: Thresholds) -> float | None:
    """Of people enrolled under two names, so far apart are the scores of 95%.

    None where too few people have the photos for it.
    """
    limit = thresholds.threshold(compared.squares.shape[1], USUAL_FPIR)
    own = scores(
        compared.own[:, 1:], limit, compared.own_photos[:, 1:], compared.spread
    )
    twice = np.isfinite(own).all(axis=1)
    weights = compared.weights[twice]
    if weights.sum() < _FEWEST_TWICE:
        return None
    gaps = np.abs(own[twice, 0] - own[twice, 1])
    order = np.argsort(gaps)
    place = np.searchsorted(np.cumsum(weights[order]), _GAP_FRACTION * weights.sum())
    return float(gaps[order[min(int(place), len(order) - 1)]])
