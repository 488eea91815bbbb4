"""How fast both engines are, and how often Annoy misses the nearest person."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from index.engines.annoy_index import AnnoySearch, search_k_of
from index.engines.exact import ExactSearch
from index.engines.neighbours import NeighbourSearch, Templates
from masking.landmarks import Float32

# A masked probe lies this many spreads (median distance of a template from the mean
# of all) from its person's template: python -m benchmarks.shared.embedding_spread
PROBE_MOVE = 1.0
# Distances that differ by rounding are the same distance.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class SearchFigures:
    """Both engines on the same probes.

    Attributes:
        templates: that were searched.
        probes: templates moved as a mask moves an embedding.
        recall: fraction of probes, in [0, 1], for which Annoy's nearest person is as
            near as the nearest by exact search; higher is better.
        exact_ms, annoy_ms: median time of a search, milliseconds.
    """

    templates: int
    probes: int
    recall: float
    exact_ms: float
    annoy_ms: float


def measure_search(
    templates: Templates, trees: Any, dimension: int, probes: int, seed: int
) -> SearchFigures:
    """Ask both engines for the nearest person of moved templates.

    Args:
        templates: at least one.
        trees: Annoy's index of them.
        dimension: of a face's vector, see `probes_of`.
        probes: how many, at least 1; with as many as there are templates, each is
            asked for.
        seed: of the order and the moves.
    """
    rows = len(templates.matrix)
    exact = ExactSearch(templates)
    annoy = AnnoySearch(templates, trees, search_k_of(rows))
    asked = probes_of(templates.matrix, dimension, probes, seed)
    return SearchFigures(
        templates=rows,
        probes=probes,
        recall=recall_of(annoy, asked, exact.nearest_rows(asked)[1]),
        exact_ms=median_ms(exact, asked),
        annoy_ms=median_ms(annoy, asked),
    )


def recall_of(search: NeighbourSearch, probes: Float32, truth: Float32) -> float:
    """Fraction of probes for which a search finds somebody as near as the nearest.

    Args:
        truth: (n,) distances of the nearest templates.
    """
    found = 0
    for probe, distance in zip(probes, truth, strict=True):
        answer = search.nearest(probe, 1)
        limit = distance * (1 + _ROUNDING)
        found += bool(answer and answer[0].distance <= limit)
    return found / len(probes)


def median_ms(search: NeighbourSearch, probes: Float32) -> float:
    """Median time of a search for one person, milliseconds."""
    seconds = np.empty(len(probes))
    for number, probe in enumerate(probes):
        started = time.perf_counter()
        search.nearest(probe, 1)
        seconds[number] = time.perf_counter() - started
    return float(1000 * np.median(seconds))


def probes_of(matrix: Float32, dimension: int, count: int, seed: int) -> Float32:
    """(count, L) probes: templates, each moved as a mask moves an embedding.

    Every template is asked for in turn, moved PROBE_MOVE spreads in the direction of
    the difference of two people. Noise in all directions alike would be far too easy:
    masks move embeddings along the axes in which people differ (of 100,000 people,
    Annoy with 8 trees and search_k 4,000 finds 89% under masks, 99% under noise).

    Args:
        matrix: (R, L) templates.
        dimension: of a face's vector, with which a row begins; the rest of a probe
            is 0, see `normalised_query`.
    """
    rng = np.random.default_rng(seed)
    rows = np.resize(rng.permutation(len(matrix)), count)
    start = matrix[rows, :dimension].astype(np.float64)
    spread = np.median(np.linalg.norm(start - start.mean(axis=0), axis=1))
    one, other = rng.integers(0, len(matrix), (2, count))
    # Next to nothing keeps a person's difference to themselves from being none.
    between = matrix[one, :dimension] - matrix[other, :dimension]
    between = between + 1e-6 * rng.standard_normal(start.shape)
    between *= PROBE_MOVE * spread / np.linalg.norm(between, axis=1, keepdims=True)
    probes = np.zeros((count, matrix.shape[1]), dtype=np.float32)
    probes[:, :dimension] = start + between
    return probes
