"""Identification: whose mean template is closest to a probe, and is it close enough.

A template is the mean embedding of a person's acquired references. For a probe
rendered on one of the references, its own person's template is the mean of the
others. Ties count against the probe.

In an open set most who are searched for are in no gallery. TPIR is the fraction of
mated probes whose person comes first and within the threshold, higher is better; FPIR
the fraction of non-mated probes that have anybody within the threshold, lower is
better. A face that was not acquired finds nobody: a miss for the one, no error for the
other. Source: Grother, Ngan & Hanaoka, NISTIR 8271, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics.pairs import BLOCK_ROWS, Float64
from training.metrics.score_normalization import (
    EmbeddedFaces,
    Indices,
    offset_distances,
    paired_distances,
)

FPIR = 0.01


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where the right person stood in the list of candidates.

    Attributes:
        ranks: (N,) float64, 1 = first, infinite when the probe or all reference
            photographs of its person were not acquired; lower is better.
        people: (N,) int32, the person of each probe.
        gallery_people: people in the gallery, also those of no probe.
        left_out: probes whose person has no (other) reference photograph.
    """

    ranks: Float64
    people: Indices
    gallery_people: int
    left_out: int

    def rate(self, k: int) -> float:
        """Fraction of probes whose person is among the first k; higher is better."""
        return float((self.ranks <= k).mean()) if len(self.ranks) else float("nan")

    def cmc(self, depth: int) -> list[float]:
        """Rates of rank 1 to `depth`: the cumulative match characteristic."""
        return [self.rate(k) for k in range(1, depth + 1)]


def ranks(probes: EmbeddedFaces, references: EmbeddedFaces) -> Ranks:
    """Rank of each probe's person among the mean templates of all people."""
    gallery = person_templates(references, probes)
    others = gallery.reference_counts(probes)
    kept = probes[others > 0]
    own = gallery.own_distances(kept)
    found = np.full(len(own), np.inf)
    for block, distances in gallery.distances_to_others(kept):
        before = (distances <= own[block, None]).sum(axis=1)
        found[block] = np.where(np.isfinite(own[block]), 1.0 + before, np.inf)
    return Ranks(
        found,
        kept.people,
        int((gallery.counts > 0).sum()),
        int((others == 0).sum()),
    )


@dataclass(frozen=True, eq=False)
class PersonTemplates:
    """The mean templates of the references; P people are numbered.

    Attributes:
        references: the faces that the templates are made of.
        counts: (P,) acquired references of each person.
        sums: (P, D) float64, sum of their embeddings.
        offsets: (P,) float64, sum of their offsets, see
            `training.metrics.score_normalization`.
    """

    references: EmbeddedFaces
    counts: NDArray[np.int64]
    sums: Float64
    offsets: Float64

    def distances_to_others(
        self, probes: EmbeddedFaces
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Probes block by block, with their (b, P) distances to all templates.

        Infinite to the own person's, and where there is no template.
        """
        templates = _means(self.sums, self.counts)
        offsets = self.offsets / np.maximum(self.counts, 1)
        for start in range(0, len(probes.people), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            distances = offset_distances(
                probes.embeddings[block], templates, probes.offsets[block], offsets
            )
            own = probes.people[block]
            distances[np.arange(len(own)), own] = np.inf
            yield block, distances

    def reference_counts(self, probes: EmbeddedFaces) -> NDArray[np.int64]:
        """(N,) references of each probe's person, acquired or not, without itself."""
        everyone = np.bincount(self.references.people, minlength=len(self.counts))
        itself = np.isin(probes.photos, self.references.photos)
        return np.asarray(everyone[probes.people] - itself)

    def own_distances(self, probes: EmbeddedFaces) -> Float64:
        """(N,) distance to the own person's template without the probe's photo."""
        usable = self.references[self.references.acquired]
        order = np.argsort(usable.photos)
        places = np.searchsorted(usable.photos, probes.photos, sorter=order)
        rows = order[np.minimum(places, len(order) - 1)] if len(order) else places
        original = np.zeros(len(rows), dtype=bool)
        if len(order):
            original = usable.photos[rows] == probes.photos
        counts = self.counts[probes.people] - original
        sums = self.sums[probes.people]
        sums[original] -= usable.embeddings[rows[original]]
        offsets = self.offsets[probes.people]
        offsets[original] -= usable.offsets[rows[original]]
        offsets = probes.offsets + offsets / np.maximum(counts, 1)
        templates = _means(sums, counts)
        # As exact as the distances to the other templates, so that ties are ties.
        return paired_distances(probes.embeddings, templates, offsets).astype(float)


def person_templates(
    references: EmbeddedFaces, probes: EmbeddedFaces
) -> PersonTemplates:
    """The templates of the references, numbered for the people of both groups."""
    groups = (references.people, probes.people)
    size = 1 + max(int(people.max(initial=-1)) for people in groups)
    usable = references[references.acquired]
    counts = np.bincount(usable.people, minlength=size)
    sums = np.zeros((size, references.embeddings.shape[1]))
    np.add.at(sums, usable.people, usable.embeddings)
    offsets = np.bincount(usable.people, usable.offsets, size).astype(np.float64)
    return PersonTemplates(references, counts, sums, offsets)


def _means(sums: Float64, counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """(P, D) float32 templates; NaN rows for people without one."""
    divisors = np.where(counts > 0, counts, np.nan)[:, None]
    return np.asarray(sums / divisors, dtype=np.float32)


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
