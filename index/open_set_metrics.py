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


@dataclass(frozen=True, eq=False)
class OpenSet:
    """Probes beside two galleries that share nobody.

    Attributes:
        people: (N,) int32, the person of each probe.
        known: (N,) bool, whether the person has another reference than the
            photograph that the probe is painted on.
        own: (N,) float64 distance to the own person's template.
        members: (2, P) bool, the people of each gallery.
        sizes: people with a template in each.
        others: (2, N, COHORT + 1) float64, ascending distances to the nearest others
            in each gallery, infinite where there are fewer.
    """

    people: Indices
    known: NDArray[np.bool_]
    own: Float64
    members: NDArray[np.bool_]
    sizes: tuple[int, ...]
    others: Float64

    def searches(self, cohort: bool) -> tuple[Search, Search]:
        """All probes against either gallery.

        Every probe is an outsider's once. As gallery person's probes count those of
        `known` people.

        Args:
            cohort: scores are shares of the distance to the next people, in galleries
                that have so many; distances otherwise.
        """
        first, second = (
            self._search(member, size, others, cohort)
            for member, size, others in zip(
                self.members, self.sizes, self.others, strict=True
            )
        )
        return first, second

    def _search(
        self, member: NDArray[np.bool_], size: int, others: Float64, cohort: bool
    ) -> Search:
        inside = member[self.people]
        mated = inside & self.known
        own = np.where(self.own < others[:, 0], self.own, np.inf)
        outside = others[:, 0]
        # An outsider's cohort comes after the nearest, a known person's after them.
        if cohort and size >= LEAST_PEOPLE:
            with_own = np.concatenate([self.own[:, None], others], axis=1)
            own = _shares(own, cohort_distances(with_own))
            outside = _shares(outside, cohort_distances(others))
        return Search(
            size,
            own[mated],
            self.people[mated],
            outside[~inside],
            self.people[~inside],
        )


def open_set(
    probes: EmbeddedFaces, references: EmbeddedFaces, rng: np.random.Generator
) -> OpenSet:
    """Half of the people, by lot, in one gallery, the others in a second."""
    gallery = person_templates(references, probes)
    size = len(gallery.counts)
    members = np.zeros((2, size), dtype=bool)
    members[0, rng.permutation(size)[: size // 2]] = True
    members[1] = ~members[0]
    others = np.full((2, len(probes.people), COHORT + 1), np.inf)
    for block, distances in gallery.distances_to_others(probes):
        for half, member in enumerate(members):
            others[half, block] = _ascending(distances[:, member])
    return OpenSet(
        probes.people,
        gallery.reference_counts(probes) > 0,
        gallery.own_distances(probes),
        members,
        tuple(int((gallery.counts[member] > 0).sum()) for member in members),
        others,
    )


def _ascending(distances: Float32) -> Float64:
    """(N, COHORT + 1) nearest of (N, P), infinite where there are fewer."""
    count = COHORT + 1
    filled = np.full((len(distances), count), np.inf)
    found = distances
    if distances.shape[1] > count:
        found = np.partition(distances, count - 1, axis=1)[:, :count]
    filled[:, : found.shape[1]] = found
    return np.sort(np.nan_to_num(filled, nan=np.inf, posinf=np.inf), axis=1)


def _shares(distances: Float64, cohorts: Float64) -> Float64:
    """Infinite where the distance is: the face was not acquired, or came second."""
    found = np.full(len(distances), np.inf)
    np.divide(distances, cohorts, out=found, where=np.isfinite(distances))
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
