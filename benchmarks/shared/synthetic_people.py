"""Embeddings of people who do not exist, as hard to tell apart as real ones.

Means of people, photos around them and what a mask adds are drawn with the variances
that benchmarks/shared/embedding_spread.py measured. Axes are turned so that people
differ
most along the first; no search here depends on that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from benchmarks.shared.embedding_spread import SPREAD_FILE
from masking.landmarks import Float32


@dataclass(frozen=True, eq=False)
class SyntheticPeople:
    """Photos of people, and masked probes of some of them.

    Attributes:
        photos: (P, n, D) float32, n unmasked photos of each person.
        templates: (P, D) float32, their means.
        probes: (Q, D) float32, one masked photo each of the people `owners`.
        owners: (Q,) row of the person in a probe.
    """

    photos: Float32
    templates: Float32
    probes: Float32
    owners: np.ndarray[tuple[int], np.dtype[np.int64]]


def draw_people(
    people: int, photos_each: int, probes: int, seed: int
) -> SyntheticPeople:
    """Draw everybody; the same seed gives the same people."""
    spread = json.loads(SPREAD_FILE.read_text())
    rng = np.random.default_rng(seed)
    between = _deviations(spread["between"])
    within = _deviations(spread["within"])
    shape = (people, photos_each, len(between))
    means = rng.standard_normal((people, len(between)), dtype=np.float32) * between
    photos = rng.standard_normal(shape, dtype=np.float32) * within
    photos += means[:, None]
    owners = rng.integers(0, people, probes)
    masked = (probes, len(between))
    shift = rng.standard_normal(masked, dtype=np.float32) * _deviations(spread["shift"])
    probe = means[owners] + np.array(spread["shift_mean"], np.float32) + shift
    probe += rng.standard_normal(masked, dtype=np.float32) * within
    return SyntheticPeople(photos, photos.mean(axis=1), probe, owners)


def _deviations(variances: list[float]) -> Float32:
    return np.asarray(np.sqrt(np.array(variances)), dtype=np.float32)
