"""Held-out faces against templates: strangers, and people who come back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.cohort import COHORT, FAR, cohort_distances, nearest_drawn
from index.photo_counts import as_single
from index.probabilities import Float64
from index.thresholds import Thresholds, sizes_up_to
from masking.landmarks import Float32
from training.comparisons import EmbeddedFaces, Indices, euclidean

Int64 = NDArray[np.int64]

_SMALLEST_GALLERY = 10


@dataclass(frozen=True, eq=False)
class StrangerDistances:
    """How far probes are from the templates of everybody else.

    Attributes:
        values: (S, T) float32, infinite where a template is the probe's own person;
            as if all templates were of one photo.
        own: (S,) float32 distance to the mean of the person's other photos, likewise;
            infinite where there is none.
        weights: (S,) float64; each person's sum to 1.
    """

    values: Float32
    own: Float32
    weights: Float64


@dataclass(frozen=True, eq=False)
class OtherTemplates:
    """Templates of people who are not held out.

    Attributes:
        matrix: (T, D) float32.
        photos: (T,) int64, in each of them.
    """

    matrix: Float32
    photos: Int64

    def __getitem__(self, chosen: Int64 | NDArray[np.bool_]) -> OtherTemplates:
        return OtherTemplates(self.matrix[chosen], self.photos[chosen])


def stranger_distances(
    probes: EmbeddedFaces,
    templates: EmbeddedFaces,
    others: OtherTemplates,
    spread: float,
) -> StrangerDistances:
    """Compare probes with the means of held-out people and with further templates.

    Args:
        probes: acquired faces.
        templates: acquired faces whose means are the templates of these people.
        others: of people who are not among the probes.
        spread: makes templates comparable, see `photo_counts.as_single`.
    """
    people, places = np.unique(templates.people, return_inverse=True)
    sums = np.zeros((len(people), templates.embeddings.shape[1]))
    np.add.at(sums, places, templates.embeddings)
    counts = np.bincount(places, minlength=len(people))
    means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    values = euclidean(probes.embeddings, np.concatenate([others.matrix, means]))
    values = as_single(values, np.concatenate([others.photos, counts]), spread)
    mine = probes.people[:, None] == people
    values[:, len(others.photos) :][mine] = np.inf
    shares = 1 / np.bincount(probes.people)[probes.people]
    own, left = _own(probes, templates, sums, people)
    return StrangerDistances(values, as_single(own, left, spread), shares)


def _own(
    probes: EmbeddedFaces, templates: EmbeddedFaces, sums: Float64, people: Indices
) -> tuple[Float32, Int64]:
    """(S,) distances to the mean of the same person's other photos; how many these are.

    Without other photos the distance is infinite and the number 1.
    """
    found = np.full(len(probes.people), np.inf, dtype=np.float32)
    photos = np.ones(len(found), dtype=np.int64)
    for row, (person, photo) in enumerate(
        zip(probes.people, probes.photos, strict=True)
    ):
        place = int(np.searchsorted(people, person))
        if place == len(people) or people[place] != person:
            continue
        mine = templates.people == person
        same = mine & (templates.photos == photo)
        count = int(mine.sum() - same.sum())
        if count:
            rest = sums[place] - templates.embeddings[same].sum(axis=0)
            found[row] = np.linalg.norm(probes.embeddings[row] - rest / count)
            photos[row] = count
    return found, photos


@dataclass(frozen=True, eq=False)
class BestMatches:
    """Best matches of probes in galleries of several sizes, (N,) each.

    Attributes:
        closeness: threshold for FPIR 1% less the distance of the best.
        margin: how much farther the second is.
        right: whether the best is the right person.
        weights: strangers and people of the gallery have half each.
        mated_people: people who have photos to be found by.
    """

    closeness: Float64
    margin: Float64
    right: NDArray[np.bool_]
    weights: Float64
    mated_people: int


def best_matches(
    distances: StrangerDistances,
    people: Indices,
    thresholds: Thresholds,
    seed: int,
    relative: bool = False,
) -> BestMatches:
    """Identify every probe in random parts of the templates: as a stranger, and
    again, where the person has other photos, as one of the gallery's people.

    Args:
        people: (S,) of the probes.
        thresholds: give the threshold for FPIR 1% of each size.
        relative: they are of distances as shares of a cohort's, see `cohort`, and so
            are closeness and margin.
    """
    rng = np.random.default_rng(seed)
    count = distances.values.shape[1]
    smallest = thresholds.sizes[0] if relative else _SMALLEST_GALLERY
    sizes = [size for size in sizes_up_to(count) if size >= smallest]
    mated = np.isfinite(distances.own)
    own = distances.own[mated, None].astype(np.float64)
    parts: list[tuple[Float64, Float64, NDArray[np.bool_], Float64]] = []
    for size in sizes or [count]:
        limit = thresholds.threshold(size, 0.01)
        nearest = nearest_drawn(distances.values, size, COHORT + 1, rng)
        wanted = COHORT if relative else 0
        there = nearest[:, wanted] < FAR
        groups = [(nearest[there], np.zeros(int(there.sum()), bool), there)]
        if mated.any():
            together = np.concatenate([own, nearest[mated]], axis=1)
            first = (own < nearest[mated, :1])[:, 0]
            groups.append((np.sort(together), first, mated))
        for rows, right, who in groups:
            whole = rows[:, wanted] < FAR
            rows, right = rows[whole], right[whole]
            if relative:
                rows = rows / cohort_distances(rows)[:, None]
            shares = distances.weights[who][whole]
            parts.append(
                (
                    limit - rows[:, 0],
                    rows[:, 1] - rows[:, 0],
                    right,
                    shares / shares.sum(),
                )
            )
    closeness, margin, right, weights = (
        np.concatenate(columns) for columns in zip(*parts, strict=True)
    )
    return BestMatches(closeness, margin, right, weights, len(np.unique(people[mated])))
