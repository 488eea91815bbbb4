"""How fast the two search engines are, and how often Annoy misses the nearest."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from index.generation import Generation
from index.neighbour_search import AnnoySearch, ExactSearch, Neighbour, NeighbourSearch
from index.templates import Templates
from masking.landmarks import Float32

# Annoy may answer alone only if it finds practically every nearest person.
WANTED_RECALL = 0.999
# Distances that differ by rounding are the same distance.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class SearchFigures:
    """Both engines on the same queries.

    Attributes:
        templates: people that were searched.
        queries: templates moved in a random direction.
        recall: share of queries, in [0, 1], for which Annoy's nearest person is as
            near as the nearest by exact search; higher is better.
        exact_ms, annoy_ms: median time of a query, milliseconds.
    """

    templates: int
    queries: int
    recall: float
    exact_ms: float
    annoy_ms: float

    @property
    def faster(self) -> str:
        """The engine to use: "annoy" where it is quicker and misses nobody."""
        pays = self.annoy_ms < self.exact_ms and self.recall >= WANTED_RECALL
        return "annoy" if pays else "exact"


def measure_search(generation: Generation, queries: int, seed: int) -> SearchFigures:
    """Ask both engines for the nearest person of noisy templates.

    Args:
        generation: holds at least one person.
        queries: how many, at least 1; with as many as there are people, everybody
            is asked for.
        seed: of the order and the noise.
    """
    exact, annoy = ExactSearch(generation.templates), AnnoySearch(generation)
    found = 0
    seconds = np.empty((queries, 2))
    for number, query in enumerate(_noisy(generation.templates, queries, seed)):
        truth, seconds[number, 0] = _timed(exact, query)
        answer, seconds[number, 1] = _timed(annoy, query)
        limit = truth[0].distance * (1 + _ROUNDING)
        found += bool(answer) and answer[0].distance <= limit
    exact_s, annoy_s = np.median(seconds, axis=0)
    return SearchFigures(
        templates=len(generation.templates.person_ids),
        queries=queries,
        recall=found / queries,
        exact_ms=float(1000 * exact_s),
        annoy_ms=float(1000 * annoy_s),
    )


def _noisy(templates: Templates, queries: int, seed: int) -> Float32:
    """(queries, D): templates, each moved as far as people are from their average.

    That is what a mask does to an embedding, and far enough for neighbours to
    change places.
    """
    rng = np.random.default_rng(seed)
    rows = np.resize(rng.permutation(len(templates.matrix)), queries)
    start = templates.matrix[rows].astype(np.float64)
    spread = np.median(np.linalg.norm(start - start.mean(axis=0), axis=1))
    noise = rng.standard_normal(start.shape)
    noise *= spread / np.linalg.norm(noise, axis=1, keepdims=True)
    return (start + noise).astype(np.float32)


def _timed(search: NeighbourSearch, query: Float32) -> tuple[list[Neighbour], float]:
    started = time.perf_counter()
    answer = search.nearest(query, 1)
    return answer, time.perf_counter() - started
