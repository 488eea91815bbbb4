"""Identification: whose mean template is closest to a probe.

A template is the mean embedding of a person's acquired references. For a probe
rendered on one of the references, its own person's template is the mean of the
others. Ties count against the probe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics.pairs import BLOCK_ROWS, EmbeddedFaces, Indices
from training.metrics.score_normalization import (
    Float64,
    offset_distances,
    paired_distances,
)


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
