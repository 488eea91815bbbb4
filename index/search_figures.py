"""How fast the search engines are, and how often Annoy misses the nearest person."""

from __future__ import annotations

from dataclasses import dataclass

from index.annoy_search import AnnoySearch, build_trees
from index.exact_search import ExactSearch
from index.generation import Generation
from index.search_tuning import WANTED_RECALL, median_ms, probes_of, recall_of
from masking.landmarks import Float32

# Where Annoy was never tuned: enough trees to be worth the comparison.
_TREES, _SEARCH_K = 32, 4000


@dataclass(frozen=True)
class SearchFigures:
    """Both engines on the same queries.

    Attributes:
        templates: that were searched.
        queries: templates moved as a mask moves an embedding.
        moved_by: what moved them.
        recall: share of queries, in [0, 1], for which Annoy's nearest person is as
            near as the nearest by exact search; higher is better.
        exact_ms, annoy_ms: median time of a query, milliseconds.
        trees, search_k: how Annoy was set.
    """

    templates: int
    queries: int
    moved_by: str
    recall: float
    exact_ms: float
    annoy_ms: float
    trees: int
    search_k: int

    @property
    def faster(self) -> str:
        """The engine to use: "annoy" where it is quicker and misses nobody."""
        pays = self.annoy_ms < self.exact_ms and self.recall >= WANTED_RECALL
        return "annoy" if pays else "exact"


def measure_search(
    generation: Generation, moves: Float32, queries: int, seed: int
) -> SearchFigures:
    """Ask both engines for the nearest person of moved templates.

    Args:
        generation: holds at least one person.
        moves: (n, D), what masks did to embeddings of this gallery.
        queries: how many, at least 1; with as many as there are templates, each is
            asked for.
        seed: of the order and the moves; another one than Annoy was tuned on.
    """
    templates, tuning = generation.templates, generation.tuning
    trees = tuning.trees if tuning else _TREES
    search_k = tuning.search_k if tuning else _SEARCH_K
    stored = generation.trees_sha256
    index = generation.open_trees() if stored else build_trees(templates, trees)
    exact, annoy = ExactSearch(templates), AnnoySearch(templates, index, search_k)
    probes, moved_by = probes_of(templates, moves, queries, seed)
    return SearchFigures(
        templates=len(templates.matrix),
        queries=queries,
        moved_by=moved_by,
        recall=recall_of(annoy, probes, exact.nearest_rows(probes)[1]),
        exact_ms=median_ms(exact, probes),
        annoy_ms=median_ms(annoy, probes),
        trees=trees,
        search_k=search_k,
    )
