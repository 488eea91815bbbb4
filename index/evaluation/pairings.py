"""Which faces are compared with which: all of them, or a published list."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.datasets.pair_lists import PairList
from training.metrics.pairs import EmbeddedFaces, Indices, ScoredPairs, compare_at
from training.metrics.sampled_pairs import PairBudget, between_budget, within_budget
from training.metrics.verification import person_folds

Chosen = NDArray[np.bool_]


class Pairing(Protocol):
    """Makes the comparisons of a test among V faces.

    Attributes:
        faces: all of them.
        references: the same as masked faces are compared with them, see
            `training.embedders.embedded_face`; or once more as they are.
        first_decides: see `verification_metrics.fold_accuracies`.
    """

    faces: EmbeddedFaces
    references: EmbeddedFaces
    first_decides: bool

    def within(self, chosen: Chosen) -> ScoredPairs:
        """The pairs of the test of which both faces are chosen, (V,) bool."""

    def between(self, probes: Chosen, references: Chosen) -> ScoredPairs:
        """Its pairs of a probe with a reference; the probe comes first."""

    def folds(self, rng: np.random.Generator) -> Indices:
        """(people,) int32, the fold of each person."""


class AllPairs:
    """Everything with everything, people weighted equally."""

    first_decides = False

    def __init__(
        self, faces: EmbeddedFaces, references: EmbeddedFaces, budget: PairBudget
    ):
        self.faces, self.references, self._budget = faces, references, budget

    def within(self, chosen: Chosen) -> ScoredPairs:
        """See `Pairing`."""
        return within_budget(self.faces[chosen], self._budget)

    def between(self, probes: Chosen, references: Chosen) -> ScoredPairs:
        """See `Pairing`."""
        compared = self.references[references]
        return between_budget(self.faces[probes], compared, self._budget)

    def folds(self, rng: np.random.Generator) -> Indices:
        """Drawn at random."""
        return person_folds(int(self.faces.people.max()) + 1, rng)


class ListedPairs:
    """The pairs of a list, each with the same weight.

    Where masks are rendered, a photograph is there twice: a listed pair is one
    U-U, one M-M and two M-U comparisons.
    """

    first_decides = True

    def __init__(
        self,
        faces: EmbeddedFaces,
        references: EmbeddedFaces,
        listed: PairList,
        folds: Indices | None,
    ):
        """
        Args:
            faces, references: of all photographs of the list, numbered alike.
            folds: (people,) the fold of each person; None = drawn at random.
        """
        self.faces, self.references, self._folds = faces, references, folds
        order = np.argsort(faces.photos, kind="stable")
        starts = np.searchsorted(faces.photos[order], np.arange(len(listed.photos)))
        counts = np.bincount(faces.photos, minlength=len(listed.photos))
        different = listed.pairs[listed.pairs[:, 0] != listed.pairs[:, 1]]
        views = []
        for left in range(int(counts.max())):
            for right in range(int(counts.max())):
                ends = different.T
                there = (counts[ends[0]] > left) & (counts[ends[1]] > right)
                first, second = ends[:, there]
                views.append(
                    [order[starts[first] + left], order[starts[second] + right]]
                )
        self._views = np.concatenate(views, axis=1)

    def within(self, chosen: Chosen) -> ScoredPairs:
        """See `Pairing`."""
        places = self._views[:, chosen[self._views].all(axis=0)]
        return self._scored(places, self.faces)

    def between(self, probes: Chosen, references: Chosen) -> ScoredPairs:
        """See `Pairing`."""
        either = np.concatenate([self._views, self._views[::-1]], axis=1)
        places = either[:, probes[either[0]] & references[either[1]]]
        return self._scored(places, self.references)

    def folds(self, rng: np.random.Generator) -> Indices:
        """Those of the list, else drawn at random."""
        if self._folds is not None:
            return self._folds
        return person_folds(int(self.faces.people.max()) + 1, rng)

    def _scored(self, places: NDArray[np.int64], seconds: EmbeddedFaces) -> ScoredPairs:
        people = self.faces.people[places]
        same = people[0] == people[1]
        genuine, impostor = (
            compare_at(self.faces, seconds, places[:, chosen], np.ones(chosen.sum()))
            for chosen in (same, ~same)
        )
        return ScoredPairs(genuine, impostor)
