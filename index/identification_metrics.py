"""Rank-k identification: whose mean template is closest to a probe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.comparisons import EmbeddedFaces, Float64, Indices, euclidean


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
        """Share of probes whose person is among the first k; higher is better."""
        return float((self.ranks <= k).mean()) if len(self.ranks) else float("nan")

    def cmc(self, depth: int) -> list[float]:
        """Rates of rank 1 to `depth`: the cumulative match characteristic."""
        return [self.rate(k) for k in range(1, depth + 1)]


def ranks(probes: EmbeddedFaces, references: EmbeddedFaces) -> Ranks:
    """Rank of each probe's person among the mean templates of all people.

    A template is the mean embedding of a person's acquired references. For a
    probe painted on one of the references, its own person's template is the mean
    of the others. Ties count against the probe: a person at the same distance as
    the right one ranks before.
    """
    size = int(max(probes.people.max(initial=-1), references.people.max(initial=-1)))
    counts, sums = _sums(references, size + 1)
    with_template = counts > 0
    others = _reference_counts(probes, references, size + 1)
    kept = probes[others > 0]
    distances = euclidean(kept.embeddings, _means(sums, counts))
    own = _own_distances(kept, references, counts, sums)
    rows = np.arange(len(kept.people))
    distances[rows, kept.people] = np.inf
    before = (distances <= own[:, None]).sum(axis=1)
    found = np.where(np.isfinite(own), 1.0 + before, np.inf)
    return Ranks(
        found,
        kept.people,
        int(with_template.sum()),
        int((others == 0).sum()),
    )


def _sums(references: EmbeddedFaces, size: int) -> tuple[NDArray[np.int64], Float64]:
    """(P,) acquired references and (P, D) sum of their embeddings, per person."""
    usable = references[references.acquired]
    counts = np.bincount(usable.people, minlength=size)
    sums = np.zeros((size, references.embeddings.shape[1]))
    np.add.at(sums, usable.people, usable.embeddings)
    return counts, sums


def _means(sums: Float64, counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """(P, D) float32 templates; NaN rows for people without one."""
    divisors = np.where(counts > 0, counts, np.nan)[:, None]
    return np.asarray(sums / divisors, dtype=np.float32)


def _reference_counts(
    probes: EmbeddedFaces, references: EmbeddedFaces, size: int
) -> NDArray[np.int64]:
    """(N,) references of each probe's person, acquired or not, its own not counted."""
    all_counts = np.bincount(references.people, minlength=size)
    return all_counts[probes.people] - np.isin(probes.photos, references.photos)


def _own_distances(
    probes: EmbeddedFaces,
    references: EmbeddedFaces,
    counts: NDArray[np.int64],
    sums: Float64,
) -> Float64:
    """(N,) distance to the own person's template without the probe's own photo."""
    usable = references[references.acquired]
    row_of = {int(photo): row for row, photo in enumerate(usable.photos)}
    rows = np.array([row_of.get(int(photo), -1) for photo in probes.photos], dtype=int)
    original = rows >= 0
    left_counts = counts[probes.people] - original
    left_sums = sums[probes.people]
    left_sums[original] -= usable.embeddings[rows[original]]
    templates = _means(left_sums, left_counts).astype(np.float64)
    distances = np.linalg.norm(probes.embeddings - templates, axis=1)
    # As exact as the distances to the other templates, so that ties are ties.
    rounded = distances.astype(np.float32).astype(np.float64)
    return np.asarray(np.where(np.isfinite(rounded), rounded, np.inf))
