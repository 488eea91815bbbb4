"""Open-set identification: most who are searched for are in no gallery.

TPIR is the fraction of probes of gallery people whose person comes first and within
the threshold, higher is better; FPIR the fraction of probes of nonmated that have
anybody within the threshold, lower is better. A face that was not acquired finds
nobody: a miss for the one, no error for the other.
Source: Grother, Ngan & Hanaoka, NISTIR 8271, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics.identification import person_templates
from training.metrics.pairs import EmbeddedFaces, Float64, Indices

FPIR = 0.01


@dataclass(frozen=True, eq=False)
class Search:
    """All probes against one gallery.

    Attributes:
        gallery_people: people with a template in it.
        own: (M,) float64, distance of a gallery person's probe to its person;
            infinite where somebody else is at least as close, or one of the two
            was not acquired.
        own_people: (M,) int32, the person of each of these probes.
        outside: (N,) float64, distance of a non-mated probe's probe to the closest
            template; infinite when not acquired.
        outside_people: (N,) int32, the person of each of these probes.
    """

    gallery_people: int
    own: Float64
    own_people: Indices
    outside: Float64
    outside_people: Indices

    def threshold(self, fpir: float, times: NDArray[np.int64]) -> float:
        """Largest distance below which FPIR <= `fpir`, nearest not included.

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
    probes: EmbeddedFaces, references: EmbeddedFaces, rng: np.random.Generator
) -> tuple[Search, Search]:
    """Two searches: half of the people in the gallery, the others outside; and back.

    Every probe is a non-mated probe's once. As gallery person's probes count those
    whose person has another reference than the photograph it is rendered on.
    """
    gallery = person_templates(references, probes)
    size = len(gallery.counts)
    members = np.zeros((2, size), dtype=bool)
    members[0, rng.permutation(size)[: size // 2]] = True
    members[1] = ~members[0]
    own = gallery.own_distances(probes)
    nearest = np.full((2, len(own)), np.inf)
    for block, distances in gallery.distances_to_others(probes):
        for half, member in enumerate(members):
            nearest[half, block] = distances[:, member].min(axis=1, initial=np.inf)
    known = gallery.reference_counts(probes) > 0
    searches = []
    for member, other in zip(members, nearest, strict=True):
        inside = member[probes.people]
        mated = inside & known
        searches.append(
            Search(
                int((gallery.counts[member] > 0).sum()),
                np.where(own < other, own, np.inf)[mated],
                probes.people[mated],
                other[~inside],
                probes.people[~inside],
            )
        )
    return searches[0], searches[1]


def tpir_at_fpir(
    searches: tuple[Search, ...],
    fpir: float = FPIR,
    times: NDArray[np.int64] | None = None,
) -> float:
    """TPIR of all gallery people's probes, each search at its own threshold.

    NaN without such probes or without nonmated.

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
