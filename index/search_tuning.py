"""Sets Annoy so that it misses practically nobody, or finds that it does not pay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from index.annoy_search import AnnoySearch, build_trees
from index.exact_search import ExactSearch
from index.generation import AnnoyTuning
from index.neighbours import NeighbourSearch
from index.templates import PLAIN, Templates
from masking.landmarks import Float32

# Annoy may answer alone only if it finds practically every nearest template.
WANTED_RECALL = 0.999
# As many as templates, within these bounds: a miss in a thousand has to show.
LEAST_PROBES, MOST_PROBES = 200, 1000
SEED = 0
# A tree costs time to build and memory, search_k costs time in every search.
TREES = (8, 32)
# A tree over a million templates takes ten seconds and 300 MB.
FEW_TREES_FROM = 200_000
FIRST_SEARCH_K = 1000
# Searches that are this much slower than exact search are not made any longer.
_HOPELESS = 4.0
# Enough probes to see that a setting is far off.
_SCREENED, _FAR_OFF = 200, 0.98
# How many displaced photos say enough about what a mask does.
MIN_MOVES = 50
# A masked probe lies this many spreads (median distance of a template from the mean
# of all) from its person's template: python -m benchmarks.embedding_spread
PROBE_MOVE = 1.0
# Distances that differ by rounding are the same distance.
_ROUNDING = 1e-6
_TIMED = 50


def tune_annoy(templates: Templates, moves: Float32) -> tuple[AnnoyTuning, Any]:
    """Try numbers of trees, and for each the least search_k that finds everybody.

    Args:
        templates: at least one, as `lifting` makes them.
        moves: (n, D), what wearing a mask added to embeddings in this gallery.

    Returns:
        The quickest setting that reaches WANTED_RECALL, with its index. Without
        one, the setting that found most, and None.
    """
    few = len(templates.matrix) >= FEW_TREES_FROM
    count = min(max(LEAST_PROBES, len(templates.matrix)), MOST_PROBES)
    probes, moved_by = probes_of(templates, moves, count, SEED)
    tried = [
        (tuning, index)
        for trees in (TREES[:1] if few else TREES)
        for index in [build_trees(templates, trees)]
        for tuning in _longer(templates, index, trees, probes, moved_by)
    ]
    good = [item for item in tried if item[0].recall >= WANTED_RECALL]
    if good:
        return min(good, key=lambda item: item[0].annoy_ms)
    return max(tried, key=lambda item: item[0].recall)[0], None


def _longer(
    templates: Templates, index: Any, trees: int, probes: Float32, moved_by: str
) -> Iterator[AnnoyTuning]:
    """Longer and longer searches, up to the first that finds everybody."""
    exact = ExactSearch(templates)
    truth = exact.nearest_rows(probes)[1]
    exact_ms = median_ms(exact, probes[:_TIMED])
    search_k = FIRST_SEARCH_K
    while True:
        annoy = AnnoySearch(templates, index, search_k)
        annoy_ms = median_ms(annoy, probes[:_TIMED])
        recall = recall_of(annoy, probes[:_SCREENED], truth[:_SCREENED])
        if recall >= _FAR_OFF:
            recall = recall_of(annoy, probes, truth)
        yield AnnoyTuning(
            trees, search_k, recall, annoy_ms, exact_ms, len(probes), moved_by
        )
        if recall >= WANTED_RECALL or annoy_ms > _HOPELESS * exact_ms:
            return
        # With so many nodes Annoy looks at everybody, as exact search does.
        if search_k > trees * len(templates.matrix):
            return
        search_k *= 2


def recall_of(search: NeighbourSearch, probes: Float32, truth: Float32) -> float:
    """Share of probes for which a search finds somebody as near as the nearest.

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


def probes_of(
    templates: Templates, moves: Float32, count: int, seed: int
) -> tuple[Float32, str]:
    """(count, L): templates, each moved as a mask moves an embedding, and by what.

    L is the length of the templates, D or, where they are lifted, one more.

    Everybody is asked for in turn. Where the gallery has MIN_MOVES masked photos of
    people who are enrolled bare too, what their masks did is done to others.
    Elsewhere each template is moved PROBE_MOVE spreads in the direction of the
    difference of two people. Noise in all directions alike would be far too easy:
    masks move embeddings along the axes in which people differ (of 100,000 people,
    Annoy with 8 trees and search_k 4,000 finds 89% under masks, 99% under noise).
    """
    rng = np.random.default_rng(seed)
    measured = len(moves) >= MIN_MOVES
    plain = templates.of_kind(PLAIN) if measured else templates
    rows = np.resize(rng.permutation(len(plain.matrix)), count)
    dimension = moves.shape[1]
    start = plain.matrix[rows, :dimension].astype(np.float64)
    queries = np.zeros((count, plain.matrix.shape[1]), dtype=np.float32)
    if measured:
        # Another person's: the own one would lead close to the masked template.
        queries[:, :dimension] = start + moves[rng.integers(0, len(moves), count)]
        return queries, f"{len(moves)} masks of this gallery"
    spread = np.median(np.linalg.norm(start - start.mean(axis=0), axis=1))
    pairs = rng.integers(0, len(plain.matrix), (2, count))
    # Next to nothing keeps a person's difference to themselves from being none.
    between = plain.matrix[pairs[0], :dimension] - plain.matrix[pairs[1], :dimension]
    between = between + 1e-6 * rng.standard_normal(start.shape)
    between *= PROBE_MOVE * spread / np.linalg.norm(between, axis=1, keepdims=True)
    moved_by = f"{PROBE_MOVE:.2f} spreads between people"
    queries[:, :dimension] = start + between
    return queries, moved_by
