"""The result of an evaluation as JSON can hold it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from index.datasets.pair_lists import PairList
from index.evaluation.config import EvaluateConfig
from index.evaluation.figures import EmbedderFigures
from index.evaluation.set_figures import CURVE_FARS, FARS

FORMAT_VERSION = 2


@dataclass(frozen=True)
class Acquisition:
    """How the faces of the unmasked or of the masked photographs were found.

    Attributes:
        faces: how many were looked for.
        detectors: how many each stage found; "" = failures to acquire.
    """

    faces: int
    detectors: dict[str, int]

    @property
    def failed(self) -> int:
        """Failures to acquire."""
        return self.detectors.get("", 0)


def acquisition(detectors: list[str]) -> Acquisition:
    """Count the stages that found the faces of one group."""
    return Acquisition(len(detectors), dict(sorted(Counter(detectors).items())))


@dataclass(frozen=True)
class ListedTest:
    """What a list of pairs asked for.

    Attributes:
        pairs: how many, of which `same` are of one person.
        folds: sets of the list, 0 where it does not come in sets.
        named: people are known; else they are groups of files, see `pair_lists`.
    """

    pairs: int
    same: int
    folds: int
    named: bool

    @classmethod
    def of(cls, listed: PairList) -> ListedTest:
        """About a list."""
        folds = len(set(listed.folds.values()))
        return cls(len(listed.pairs), int(listed.same.sum()), folds, listed.named)


@dataclass(frozen=True, eq=False)
class EvaluateReport:
    """Everything that an evaluation found out, and nothing about one person.

    Attributes:
        collection: its name.
        photos, people: in the collection.
        unread: photographs that could not be read: failures to acquire, too.
        rendered: masks were rendered by the tool; otherwise labels told them.
        unmasked, masked: how faces were found.
        masks: how many faces wear each kind of mask.
        novelty: the kinds that training saw and did not, where both are worn.
        listed: of a list of pairs; None = all pairs.
        embedders: figures, in the order given.
    """

    collection: str
    photos: int
    people: int
    unread: int
    rendered: bool
    unmasked: Acquisition
    masked: Acquisition
    masks: dict[str, int]
    novelty: dict[str, list[str]]
    listed: ListedTest | None
    embedders: tuple[EmbedderFigures, ...]
    config: EvaluateConfig

    @property
    def exit_code(self) -> int:
        """2 when a picture could not be read, else 0."""
        return 2 if self.unread else 0

    @property
    def sampled(self) -> bool:
        """Whether some set has more pairs than were compared."""
        return any(
            figures.impostor_pairs < figures.impostor_possible
            or figures.genuine_pairs < figures.genuine_possible
            for embedder in self.embedders
            for figures in embedder.sets.values()
        )

    def to_json(self) -> dict[str, Any]:
        """Record for `strict_json`; figures that do not exist are NaN."""
        record = {"format_version": FORMAT_VERSION, **asdict(self)}
        record["fars"] = list(FARS)
        record["curve_fars"] = CURVE_FARS.tolist()
        return record
