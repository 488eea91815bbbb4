"""What is compared: photographs, all of their pairs or those of a list; embedders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.datasets.embed_views import EmbeddedViews
from index.datasets.pair_lists import PairList, read_pair_list
from index.datasets.views import read_labelled_photos
from masking.datasets.collections import LabelledPhoto
from masking.errors import BadRecord, InvalidConfig
from masking.files.text import normal_form, read_table
from masking.landmarks import Float32
from training.embedders.embedded_face import Embedder
from training.metrics.pairs import (
    PairBudget,
    ScoredPairs,
    between_budget,
    compare_at,
    within_budget,
)
from training.metrics.score_normalization import EmbeddedFaces, Indices
from training.metrics.verification import person_folds

Chosen = NDArray[np.bool_]
REFERENCES = "masked reference"
METRICS = ("euclidean", "cosine")


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


@dataclass(frozen=True, eq=False)
class Collection:
    """What is evaluated.

    Attributes:
        name: of the folder and the list, for the report.
        photos: see `read_labelled_photos`.
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
        people: a list of people, see `views.read_people`.
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


@dataclass(frozen=True, eq=False)
class Compared:
    """One column of the report.

    Attributes:
        name: different from all others.
        fingerprint: of the embedder.
        faces: all views of the collection.
        references: what masked faces are compared with; None = `faces`.
    """

    name: str
    fingerprint: str
    faces: EmbeddedFaces
    references: EmbeddedFaces | None = None


def distinct_embedders(embedders: Sequence[Embedder]) -> list[Embedder]:
    """The embedders, each once.

    Raises:
        InvalidConfig: none at all, or one of an unknown metric.
    """
    kept = list({embedder.fingerprint: embedder for embedder in embedders}.values())
    if not kept:
        raise InvalidConfig("no embedder, expected at least one.")
    for embedder in kept:
        if embedder.metric not in METRICS:
            raise InvalidConfig(
                f"embedder {embedder.name} compares by {embedder.metric!r}, expected "
                f"one of {', '.join(METRICS)}."
            )
    return kept


def compared_embedders(
    embedders: Sequence[Embedder],
    embedded: EmbeddedViews,
    people: Indices,
    references: bool,
    cohorts: bool = True,
) -> list[Compared]:
    """The faces by each embedder.

    Args:
        people: (N,) person of each photograph.
        references: after each embedder also masked faces beside masked references.
        cohorts: compare as the embedders' cohorts ask for; or by plain distances.
    """
    counts = Counter(embedder.name for embedder in embedders)
    compared: list[Compared] = []
    for number, embedder in enumerate(embedders):
        name, fingerprint = embedder.name, embedder.fingerprint
        if counts[name] > 1:
            name = f"{name}-{fingerprint[:8]}"
        cohort = embedder.cohort if cohorts else None
        faces = embedded.faces(number, people, cohort)
        rows = _comparable(faces.embeddings, embedder.metric)
        one = Compared(name, fingerprint, replace(faces, embeddings=rows))
        compared.append(one)
        if references:
            under = embedded.reference_faces(number, people, cohort)
            rows = _comparable(under.embeddings, embedder.metric)
            under = replace(under, embeddings=rows)
            compared.append(
                replace(one, name=f"{name}, {REFERENCES}", references=under)
            )
    return compared


def _comparable(rows: Float32, metric: str) -> Float32:
    """Rows whose Euclidean distances rank as the metric does.

    Of unit vectors, the squared distance is 2 - 2 cosine.
    """
    if metric == "euclidean":
        return rows
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


GROUPS = "groups.csv"


def groups_of(folder: Path, collection: Collection) -> list[Collection]:
    """A collection for each group of a folder's groups.csv; none without that file.

    People whom the table does not name are in no group.

    Args:
        collection: of the folder; lists of pairs have no groups.

    Raises:
        BadRecord: the table cannot be understood, or names nobody who is there.
    """
    table = folder / GROUPS
    if collection.listed is not None or not table.is_file():
        return []
    group_of = {
        normal_form(row["person"]): _checked(row["group"], where)
        for where, row in read_table(table, ("person", "group"))
    }
    present = [photo for photo in collection.photos if photo.person in group_of]
    if not present:
        raise BadRecord(
            f"{table}: none of the people whom it names is in {folder}. Expected the "
            "columns person and group, with the names of the folders."
        )
    names = sorted({group_of[photo.person] for photo in present})
    return [
        replace(
            collection,
            name=f"{collection.name}-{name}",
            photos=[photo for photo in present if group_of[photo.person] == name],
        )
        for name in names
    ]


def _checked(group: str, where: str) -> str:
    """A group's name, which becomes that of a folder.

    Raises:
        BadRecord: it is empty or would lead elsewhere.
    """
    if not group or group != Path(group).name or "\\" in group or group == "..":
        raise BadRecord(
            f"{where}: found the group {group!r}, expected a plain name such as east."
        )
    return group
