"""What is evaluated: photographs and, perhaps, a list of their pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.datasets.labelled_photos import LabelledPhoto, read_labelled_photos
from index.datasets.pair_lists import PairList, read_pair_list
from index.evaluation.pairings import AllPairs, ListedPairs, Pairing
from masking.errors import InvalidConfig
from training.metrics.pairs import EmbeddedFaces, Indices
from training.metrics.sampled_pairs import PairBudget


@dataclass(frozen=True, eq=False)
class Collection:
    """What is evaluated.

    Attributes:
        name: of the folder and the list, for the report.
        photos: see `labelled_photos`.
        listed: pairs of these photographs; None = all pairs.
    """

    name: str
    photos: Sequence[LabelledPhoto]
    listed: PairList | None = None

    def people(self) -> Indices:
        """(N,) int32, the number of each photograph's person."""
        names = [photo.person for photo in self.photos]
        return np.unique(names, return_inverse=True)[1].astype(np.int32)

    def pairing(
        self, faces: EmbeddedFaces, references: EmbeddedFaces, budget: PairBudget
    ) -> Pairing:
        """The comparisons of these faces that the test asks for, see `Pairing`."""
        if self.listed is None:
            return AllPairs(faces, references, budget)
        folds = None
        if self.listed.folds:
            numbers = self.people()
            folds = np.zeros(int(numbers.max()) + 1, np.int32)
            folds[numbers] = [self.listed.folds[one.person] for one in self.photos]
        return ListedPairs(faces, references, self.listed, folds)


def read_collection(
    folder: Path, people: Path | None = None, pairs: Path | None = None
) -> Collection:
    """The photographs of a folder, of some people or of some pairs only.

    Args:
        people: a list of people, see `labelled_photos.read_people`.
        pairs: a list of pairs, see `pair_lists.read_pair_list`.

    Raises:
        MissingInput, BadRecord: see there.
        InvalidConfig: both lists.
    """
    name = folder.resolve().name
    if pairs is None:
        # Two tests on one folder have a report each.
        chosen = f"{name}-{people.stem}" if people else name
        return Collection(chosen, read_labelled_photos(folder, people))
    if people is not None:
        raise InvalidConfig(
            f"both --people {people} and --pairs {pairs}: expected one of them."
        )
    listed = read_pair_list(folder, pairs)
    return Collection(f"{name}-{pairs.stem}", listed.photos, listed)
