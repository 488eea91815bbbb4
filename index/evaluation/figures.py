"""All that is said about embedders on one collection of faces, as JSON can hold it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.datasets.pair_lists import PairList
from index.evaluation.by_property import BinFigures
from index.evaluation.config import EvaluateConfig
from index.evaluation.protocol import Chosen, Pairing
from index.evaluation.set_figures import (
    CURVE_FARS,
    FARS,
    Chance,
    MeasuredRanks,
    MeasuredSet,
    RankFigures,
    SetFigures,
    measure_ranks,
    measure_set,
    thresholds_of,
)
from masking.datasets.collections import NO_MASK

# U = unmasked, M = masked.
SETS = ("U-U", "M-U", "M-M")
SEEN, UNSEEN = "seen", "unseen"
ALL = ("all", "")
Masks = NDArray[np.str_]
FORMAT_VERSION = 2


@dataclass(frozen=True, eq=False)
class MaskFigures:
    """Figures of the faces under some kinds of mask alone.

    M-U compares these masked faces with all unmasked ones, M-M with each other.

    Attributes:
        faces: masked faces of these kinds.
        failed: how many of them were not acquired.
        sets: of "M-U" and "M-M" those with genuine and impostor pairs.
        ranks: these faces as probes; None for a list of pairs.
    """

    faces: int
    failed: int
    sets: dict[str, SetFigures]
    ranks: RankFigures | None


@dataclass(frozen=True, eq=False)
class EmbedderFigures:
    """All figures of one embedder; sets without pairs of both kinds are absent.

    Attributes:
        ranks: None for a list of pairs.
        by_mask: for each kind of mask.
        by_novelty: SEEN and UNSEEN kinds together, where both are worn.
    """

    name: str
    fingerprint: str
    sets: dict[str, SetFigures]
    ranks: RankFigures | None
    by_mask: dict[str, MaskFigures]
    by_novelty: dict[str, MaskFigures]


@dataclass(frozen=True, eq=False)
class MaskTest:
    """What is measured, but for the embedder.

    Attributes:
        masks: (V,) kind of mask of each face, NO_MASK without one.
        unseen: the kinds that training did not show; None = not known.
        identify: masked faces are searched among the unmasked, too.
        chance: the random draw.
    """

    masks: Masks
    unseen: frozenset[str] | None
    identify: bool
    chance: Chance

    @property
    def masked(self) -> Chosen:
        """(V,) bool: the face wears any mask."""
        return np.asarray(self.masks != NO_MASK)

    def kinds(self) -> list[str]:
        """The kinds worn, sorted."""
        return sorted(set(self.masks.tolist()) - {NO_MASK})

    def novelty(self) -> dict[str, list[str]]:
        """The kinds seen and unseen in training; empty unless both are worn."""
        if self.unseen is None:
            return {}
        parts: dict[str, list[str]] = {SEEN: [], UNSEEN: []}
        for kind in self.kinds():
            parts[UNSEEN if kind in self.unseen else SEEN].append(kind)
        return parts if all(parts.values()) else {}

    def groups(self) -> Iterator[tuple[tuple[str, str], Chosen]]:
        """Names of groups of masked faces, and (V,) bool who is in them."""
        yield ALL, self.masked
        for kind in self.kinds():
            yield ("kind", kind), self.masks == kind
        for name, kinds in self.novelty().items():
            yield ("novelty", name), np.isin(self.masks, kinds)


@dataclass(frozen=True, eq=False)
class MeasuredGroup:
    """A group of masked faces by one embedder, with the bootstrap draws."""

    faces: int
    failed: int
    sets: dict[str, MeasuredSet]
    ranks: MeasuredRanks | None

    def figures(self) -> MaskFigures:
        """Without the draws."""
        sets = {kind: measured.figures for kind, measured in self.sets.items()}
        ranks = self.ranks.figures if self.ranks else None
        return MaskFigures(self.faces, self.failed, sets, ranks)


Measured = Mapping[tuple[str, str], MeasuredGroup]


def measure_embedder(
    pairing: Pairing, test: MaskTest, baseline: Measured | None
) -> dict[tuple[str, str], MeasuredGroup]:
    """Measure every group of masked faces; U-U is in the group ALL.

    Args:
        pairing: the faces by this embedder.
        baseline: the same by the first embedder; None = this is the first.
    """
    plain = _plain_set(pairing, test, baseline)
    groups = _groups(pairing, test, ("M-U", "M-M"), plain, baseline)
    if plain:
        everything = groups[ALL]
        groups[ALL] = replace(everything, sets={"U-U": plain, **everything.sets})
    return groups


def measure_references(
    pairing: Pairing, test: MaskTest, same: Measured, baseline: Measured
) -> dict[tuple[str, str], MeasuredGroup]:
    """M-U and ranks of every group beside masked references.

    Args:
        same: the figures of these faces as they are: sets without references, and
            the U-U thresholds, stay what they were.
    """
    plain = same[ALL].sets.get("U-U")
    return _groups(pairing, test, ("M-U",), plain, baseline)


def _groups(
    pairing: Pairing,
    test: MaskTest,
    kinds: tuple[str, ...],
    plain: MeasuredSet | None,
    baseline: Measured | None,
) -> dict[tuple[str, str], MeasuredGroup]:
    return {
        name: _measure_group(
            pairing, test, chosen, kinds, plain, baseline[name] if baseline else None
        )
        for name, chosen in test.groups()
    }


def _measure_group(
    pairing: Pairing,
    test: MaskTest,
    chosen: Chosen,
    kinds: tuple[str, ...],
    plain: MeasuredSet | None,
    baseline: MeasuredGroup | None,
) -> MeasuredGroup:
    thresholds = plain.figures.thresholds if plain else ()
    sets = {}
    for kind in kinds:
        if kind == "M-U":
            pairs = pairing.between(chosen, ~test.masked)
        else:
            pairs = pairing.within(chosen)
        if pairs.comparable:
            earlier = baseline.sets.get(kind) if baseline else None
            sets[kind] = measure_set(pairs, pairing, thresholds, test.chance, earlier)
    faces, ranks = pairing.faces[chosen], None
    if test.identify:
        references = pairing.references[~test.masked]
        before = baseline.ranks if baseline else None
        ranks = measure_ranks(faces, references, test.chance, before)
    return MeasuredGroup(len(faces.people), int((~faces.acquired).sum()), sets, ranks)


def _plain_set(
    pairing: Pairing, test: MaskTest, baseline: Measured | None
) -> MeasuredSet | None:
    pairs = pairing.within(~test.masked)
    if not pairs.comparable:
        return None
    earlier = baseline[ALL].sets.get("U-U") if baseline else None
    # Its own thresholds at FARS are the U-U thresholds of all sets.
    return measure_set(pairs, pairing, thresholds_of(pairs), test.chance, earlier)


def embedder_figures(
    name: str, fingerprint: str, measured: Measured
) -> EmbedderFigures:
    """What is reported of the groups of `measure_embedder`."""
    parts: dict[str, dict[str, MaskFigures]] = {"all": {}, "kind": {}, "novelty": {}}
    for (sort, group), part in measured.items():
        parts[sort][group] = part.figures()
    everything = parts["all"][ALL[1]]
    return EmbedderFigures(
        name,
        fingerprint,
        everything.sets,
        everything.ranks,
        parts["kind"],
        parts["novelty"],
    )


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
        by_property: of the last network, by the properties of `config.by`.
        by_network: that network.
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
    by_property: dict[str, list[BinFigures]] = field(default_factory=dict)
    by_network: str = ""

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
