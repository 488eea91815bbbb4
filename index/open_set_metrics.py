"""Open-set identification: most who are searched for are in no gallery.

TPIR is the share of probes of gallery people whose person comes first and within
the threshold, higher is better; FPIR the share of probes of outsiders that have
anybody within the threshold, lower is better. A face that was not acquired finds
nobody: a miss for the one, no error for the other. Scores are distances, or such as
shares of a cohort's (see `cohort`), which is how galleries decide.
Source: Grother, Ngan & Hanaoka, NISTIR 8271, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.cohort import COHORT, LEAST_PEOPLE, cohort_distances
from index.identification_metrics import person_templates
from masking.landmarks import Float32
from training.comparisons import EmbeddedFaces, Float64, Indices

FPIR = 0.01


@dataclass(frozen=True, eq=False)
class Search:
    """All probes against one gallery.

    Attributes:
        gallery_people: people with a template in it.
        own: (M,) float64, score of a gallery person's probe and its person;
            infinite where somebody else is at least as close, or one of the two
            was not acquired.
        own_people: (M,) int32, the person of each of these probes.
        outside: (N,) float64, score of an outsider's probe and the closest
            template; infinite when not acquired.
        outside_people: (N,) int32, the person of each of these probes.
    """

    gallery_people: int
    own: Float64
    own_people: Indices
    outside: Float64
    outside_people: Indices

    def threshold(self, fpir: float, times: NDArray[np.int64]) -> float:
        """Largest score below which FPIR <= `fpir`, nearest not included.

        Args:
            times: (P,) how often each person counts.
        """
        order = np.argsort(self.outside)
        reached = np.cumsum(times[self.outside_people[order]])
        # Rounding must not cost the last probe of, say, exactly 1 in 100.
        allowed = fpir * reached[-1] * (1 + 1e-9)
        first = int(np.searchsorted(reached, allowed, side="right"))
        return float(self.outside[order[first]]) if first < len(order) else np.inf


def open_set_searches(
    probes: EmbeddedFaces,
    references: EmbeddedFaces,
    rng: np.random.Generator,
    cohort: bool,
) -> tuple[Search, Search]:
    """Two searches: half of the people in the gallery, the others outside; and back.

    Every probe is an outsider's once. As gallery person's probes count those
    whose person has another reference than the photograph it is painted on.

    Args:
        cohort: scores are shares of the distance to the next people, in galleries
            that have so many; distances otherwise.
    """
    gallery = person_templates(references, probes)
    size = len(gallery.counts)
    members = np.zeros((2, size), dtype=bool)
    members[0, rng.permutation(size)[: size // 2]] = True
    members[1] = ~members[0]
    own = gallery.own_distances(probes)
    known = gallery.reference_counts(probes) > 0
    nearest = np.full((2, len(own), COHORT + 1), np.inf)
    for block, distances in gallery.distances_to_others(probes):
        for half, member in enumerate(members):
            nearest[half, block] = _ascending(distances[:, member])
    searches = []
    for member, others in zip(members, nearest, strict=True):
        inside = member[probes.people]
        mated = inside & known
        people = int((gallery.counts[member] > 0).sum())
        units: tuple[Float64 | float, Float64 | float] = (1.0, 1.0)
        # An outsider's cohort comes after the nearest, a known person's after them.
        if cohort and people >= LEAST_PEOPLE:
            with_best = np.concatenate([own[:, None], others], axis=1)
            units = cohort_distances(with_best), cohort_distances(others)
        searches.append(
            Search(
                people,
                _scores(np.where(own < others[:, 0], own, np.inf), units[0])[mated],
                probes.people[mated],
                _scores(others[:, 0], units[1])[~inside],
                probes.people[~inside],
            )
        )
    return searches[0], searches[1]


def _ascending(distances: Float32) -> Float64:
    """(N, COHORT + 1) nearest of (N, P), infinite where there are fewer."""
    count = COHORT + 1
    filled = np.full((len(distances), count), np.inf)
    found = distances
    if distances.shape[1] > count:
        found = np.partition(distances, count - 1, axis=1)[:, :count]
    filled[:, : found.shape[1]] = found
    return np.sort(np.nan_to_num(filled, nan=np.inf, posinf=np.inf), axis=1)


def _scores(distances: Float64, units: Float64 | float) -> Float64:
    """Of faces that were not acquired the distance is infinite, and so is the score."""
    found = np.full(len(distances), np.inf)
    np.divide(distances, units, out=found, where=np.isfinite(distances))
    return found


def tpir_at_fpir(
    searches: tuple[Search, ...],
    fpir: float = FPIR,
    times: NDArray[np.int64] | None = None,
) -> float:
    """TPIR of all gallery people's probes, each search at its own threshold.

    NaN without such probes or without outsiders.

    Args:
        times: (P,) how often each person counts; None = once.
    """
    found = total = 0
    for search in searches:
        people = np.append(search.own_people, search.outside_people)
        size = int(people.max(initial=0)) + 1
        counts = np.ones(size, np.int64) if times is None else times
        weights = counts[search.own_people]
        if not counts[search.outside_people].any():
            continue
        found += int(weights @ (search.own < search.threshold(fpir, counts)))
        total += int(weights.sum())
    return found / total if total else float("nan")
