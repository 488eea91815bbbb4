"""Embeddings of people who do not exist, as hard to tell apart as real ones.

Means of people and photos around them are drawn with the variances that
benchmarks/shared/embedding_spread.py measured, and brought to length 1, as the shipped
embedder's are. A masked probe lies as far from its person's template as masked photos
of real people do, hopeless ones among them, in a direction drawn from the spread of
photos and of what a mask adds. Axes are turned so that people differ most along the
first; no search here depends on that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from benchmarks.shared.embedding_spread import SPREAD_FILE
from masking.landmarks import Float32

# Drawn together: memory.
_AT_ONCE = 50_000


@dataclass(frozen=True, eq=False)
class SyntheticPeople:
    """Photos of people, and masked probes of some of them.

    Attributes:
        photos: (P, n, D) float32, n unmasked photos of each person; (0, n, D) where
            they were not to be kept.
        templates: (P, D) float32, their means.
        probes: (Q, D) float32, one masked photo each of the people `owners`.
        owners: (Q,) row of the person in a probe.
    """

    photos: Float32
    templates: Float32
    probes: Float32
    owners: np.ndarray[tuple[int], np.dtype[np.int64]]


def draw_people(
    people: int, photos_each: int, probes: int, seed: int, keep_photos: bool = True
) -> SyntheticPeople:
    """Draw everybody; the same seed gives the same people."""
    spread = json.loads(SPREAD_FILE.read_text())
    between, within = _deviations(spread["between"]), _deviations(spread["within"])
    templates = np.empty((people, len(between)), dtype=np.float32)
    kept = np.empty(
        (people if keep_photos else 0, photos_each, len(between)), dtype=np.float32
    )
    for start in range(0, people, _AT_ONCE):
        rng = np.random.default_rng([seed, start])
        rows = slice(start, min(start + _AT_ONCE, people))
        shape = (rows.stop - start, photos_each, len(between))
        photos = rng.standard_normal(shape, dtype=np.float32) * within
        means = rng.standard_normal((shape[0], shape[2]), dtype=np.float32) * between
        photos = _unit(photos + means[:, None])
        templates[rows] = photos.mean(axis=1)
        if keep_photos:
            kept[rows] = photos
    rng = np.random.default_rng([seed, people])
    owners = rng.integers(0, people, probes)
    quantiles = np.linspace(0, 1, len(spread["genuine"]))
    squared = np.interp(rng.random(probes), quantiles, spread["genuine"])
    noise = np.sqrt(np.square(within) + np.array(spread["shift"], np.float32))
    drawn = _probes_near(_unit(templates[owners]), squared, noise, rng)
    return SyntheticPeople(kept, templates, drawn, owners)


def _probes_near(
    people: Float32, squared: Float32, noise: Float32, rng: np.random.Generator
) -> Float32:
    """(Q, D) of length 1, at (Q,) squared distances from rows of length 1."""
    # Of vectors of length 1: |a - b|^2 = 2 - 2 a.b.
    cosines = (1 - squared[:, None] / 2).astype(np.float32)
    away = rng.standard_normal(people.shape, dtype=np.float32) * noise
    away -= np.einsum("ij,ij->i", away, people)[:, None] * people
    probes = cosines * people + np.sqrt(1 - cosines**2) * _unit(away)
    return np.asarray(probes, dtype=np.float32)


def _unit(rows: Float32) -> Float32:
    unit = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(unit, dtype=np.float32)


def _deviations(variances: list[float]) -> Float32:
    return np.asarray(np.sqrt(np.array(variances)), dtype=np.float32)
