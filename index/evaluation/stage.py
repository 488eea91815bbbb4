"""Measures embedders on labelled photographs, and gathers the worst errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from index.datasets.embed_views import (
    EmbeddedViews,
    RememberingFinders,
    embed_views,
    geometries_of,
)
from index.datasets.views import (
    Renderer,
    ViewPlan,
    all_views,
    mask_renderer,
    photo_views,
    picture_seen,
)
from index.evaluation.by_property import BinFigures, Conditions, by_property
from index.evaluation.config import EvaluateConfig
from index.evaluation.figures import (
    ALL,
    EvaluateReport,
    ListedTest,
    MaskTest,
    Measured,
    acquisition,
    embedder_figures,
    measure_embedder,
    measure_references,
)
from index.evaluation.protocol import (
    Collection,
    Compared,
    compared_embedders,
    distinct_embedders,
)
from index.evaluation.set_figures import FARS, Chance, WorstPair, WorstPairs
from masking.datasets.collections import NO_MASK, LabelledPhoto
from masking.errors import InvalidConfig, MissingInput, UnreadableImage
from masking.faces.finder import Finder, default_finder
from masking.landmarks import Image
from training.embedders.embedded_face import Embedder
from training.metrics.pairs import PairBudget

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured.

    Attributes:
        report: figures, nothing about one person.
        errors: pictures of the worst errors, with names.
    """

    report: EvaluateReport
    errors: PrivateErrors


def evaluate(
    collection: Collection,
    embedders: Sequence[Embedder],
    found_faces: Path,
    config: EvaluateConfig,
    trained_kinds: frozenset[str] | None = None,
    make_finder: Callable[[], Finder] = default_finder,
    renderer: Renderer | None = None,
) -> Evaluation:
    """Verify and identify, unmasked and masked.

    Without a masked photograph in the collection, a masked copy of each is
    rendered.

    Args:
        embedders: in the order of the tables, the untouched network first.
        found_faces: folder that remembers detections for the next evaluation.
        trained_kinds: masks that the embedders were trained with; None = unknown.
        renderer: renders other masks than those of `config.kinds`.

    Raises:
        InvalidConfig: embedders of an unknown metric, or unknown unseen kinds.
        MissingInput: nobody in the collection can be compared.
    """
    embedders = distinct_embedders(embedders)
    photos = collection.photos
    rendered = not any(photo.masked for photo in photos)
    if rendered and renderer is None:
        renderer = mask_renderer(config.seed, config.kinds)
    finders = RememberingFinders(make_finder, found_faces)
    plan = ViewPlan(
        geometries_of(embedders),
        config.on_no_face,
        renderer if rendered else None,
    )
    conditions = _conditions(photos, plan, config)
    embedded = _embedded(photos, embedders, config, finders, plan, conditions)
    for reason in embedded.unread_reasons():
        _log.warning("not read: %s", reason)
    test = MaskTest(
        np.array(embedded.masks),
        _unseen_kinds(embedded, config, rendered, trained_kinds),
        collection.listed is None,
        Chance(config.seed, config.rounds),
    )
    compared = compared_embedders(
        embedders,
        embedded,
        collection.people(),
        config.masked_references,
        config.cohorts,
    )
    measured = _measured(compared, collection, test, config)
    report = _report(collection, rendered, embedded, compared, measured, test, config)
    if conditions:
        by_network, tables = _by_property(
            compared, collection, conditions, test, config
        )
        report = replace(report, by_property=tables, by_network=by_network)
    errors = gather_errors(photos, embedded, measured, plan, finders())
    return Evaluation(report, errors)


def _embedded(
    photos: Sequence[LabelledPhoto],
    embedders: Sequence[Embedder],
    config: EvaluateConfig,
    finders: RememberingFinders,
    plan: ViewPlan,
    conditions: Conditions | None,
) -> EmbeddedViews:
    """Find, render and cut out every face once, for all embedders."""
    views = all_views(photos, plan, config.workers, finders)
    if conditions:
        views = conditions.noted(views)
    total = len(photos) * (2 if plan.renderer else 1)
    shown = tqdm(views, total=total, desc="evaluate", unit="face", disable=None)
    references = config.masked_references
    return embed_views(shown, embedders, config.batch_size, references)


def _conditions(
    photos: Sequence[LabelledPhoto], plan: ViewPlan, config: EvaluateConfig
) -> Conditions | None:
    """What notes the faces' conditions; None where nobody asks."""
    if not config.properties:
        return None
    renderer = plan.renderer
    if renderer is None:
        return Conditions(None)
    return Conditions(lambda number: renderer.wearing_style(photos[number].name))


def _by_property(
    compared: Sequence[Compared],
    collection: Collection,
    conditions: Conditions,
    test: MaskTest,
    config: EvaluateConfig,
) -> tuple[str, dict[str, list[BinFigures]]]:
    """Name and figures of the last network."""
    last = compared[-1]
    budget = PairBudget(config.max_pairs, config.seed)
    pairing = collection.pairing(last.faces, last.references or last.faces, budget)
    return last.name, by_property(
        config.properties, pairing, test.masked, conditions, test.identify, test.chance
    )


def _unseen_kinds(
    embedded: EmbeddedViews,
    config: EvaluateConfig,
    rendered: bool,
    trained: frozenset[str] | None,
) -> frozenset[str] | None:
    """The kinds that training did not show; None when that is not known."""
    worn = frozenset(embedded.masks) - {NO_MASK}
    if not config.unseen:
        # The labels of real masks are not the names of rendered kinds.
        return worn - trained if rendered and trained is not None else None
    wanted = frozenset(kind.strip() for kind in config.unseen.split(","))
    if not wanted <= worn:
        raise InvalidConfig(
            f"unseen {', '.join(sorted(wanted - worn))}: nobody wears that, expected "
            f"some of {', '.join(sorted(worn))}."
        )
    return wanted


def _measured(
    compared: Sequence[Compared],
    collection: Collection,
    test: MaskTest,
    config: EvaluateConfig,
) -> dict[str, Measured]:
    """The figures of each embedder by its name."""
    measured: dict[str, Measured] = {}
    same: Measured = {}
    for one in compared:
        first = next(iter(measured.values()), None)
        budget = PairBudget(config.max_pairs, config.seed)
        pairing = collection.pairing(one.faces, one.references or one.faces, budget)
        if one.references and first:
            # Comes after the same embedder's faces as they are.
            found = measure_references(pairing, test, same, first)
        else:
            found = same = measure_embedder(pairing, test, first)
        measured[one.name] = found
    if not any(group.sets for group in measured[compared[0].name].values()):
        raise MissingInput(
            "nothing to compare: expected two people, one of them with two photographs."
        )
    return measured


def _report(
    collection: Collection,
    rendered: bool,
    embedded: EmbeddedViews,
    compared: Sequence[Compared],
    measured: dict[str, Measured],
    test: MaskTest,
    config: EvaluateConfig,
) -> EvaluateReport:
    found: dict[bool, list[str]] = {False: [], True: []}
    for mask, detector in zip(embedded.masks, embedded.detectors, strict=True):
        found[mask != NO_MASK].append(detector)
    listed = collection.listed
    return EvaluateReport(
        collection=collection.name,
        photos=len(collection.photos),
        people=len({photo.person for photo in collection.photos}),
        unread=len(embedded.unread),
        rendered=rendered,
        unmasked=acquisition(found[False]),
        masked=acquisition(found[True]),
        masks={kind: embedded.masks.count(kind) for kind in test.kinds()},
        novelty=test.novelty(),
        listed=ListedTest.of(listed) if listed else None,
        embedders=tuple(
            embedder_figures(one.name, one.fingerprint, measured[one.name])
            for one in compared
        ),
        config=config,
    )


# More pictures without a face are only listed.
_UNFOUND = 36


# A photograph as it is (False) or the masked face that was compared (True).
Seen = tuple[int, bool]


@dataclass(frozen=True)
class PrivateErrors:
    """What is drawn.

    Attributes:
        worst: by embedder and set.
        limits: likewise, the distance accepted at FAR 1e-3.
        names: of each photograph.
        chips: the faces that were compared.
        unfound: pictures without a face, with why.
        reasons: of all of these, by name.
    """

    worst: Mapping[str, Mapping[str, WorstPairs]]
    limits: Mapping[str, Mapping[str, float]]
    names: Sequence[str]
    chips: Mapping[Seen, Image]
    unfound: Sequence[tuple[Image, str]]
    reasons: Mapping[str, Sequence[str]]


def wanted_chips(worst: Mapping[str, Mapping[str, WorstPairs]]) -> set[Seen]:
    """The faces that the sheets need."""
    return {
        seen
        for sets in worst.values()
        for kind, pairs in sets.items()
        for pair in (*pairs.closest_impostors, *pairs.farthest_genuine)
        for seen in pair_ends(kind, pair)
    }


def pair_ends(kind: str, pair: WorstPair) -> tuple[Seen, Seen]:
    """Which picture of its two photographs a pair of this set compares."""
    first, second = kind.split("-")
    return (pair.first, first == "M"), (pair.second, second == "M")


def gather_errors(
    photos: Sequence[LabelledPhoto],
    embedded: EmbeddedViews,
    measured: Mapping[str, Measured],
    plan: ViewPlan,
    finder: Finder,
) -> PrivateErrors:
    """Everything that the private sheets show; the pictures are made again."""
    sets = {name: groups[ALL].sets for name, groups in measured.items()}
    worst = {
        name: {kind: one.worst for kind, one in of_set.items()}
        for name, of_set in sets.items()
    }
    at = FARS.index(1e-3)
    limits = {
        name: {kind: one.figures.thresholds[at] for kind, one in of_set.items()}
        for name, of_set in sets.items()
    }
    reasons: dict[str, list[str]] = {}
    for photo, failure in zip(embedded.photos, embedded.failures, strict=True):
        if failure:
            reasons.setdefault(photos[int(photo)].name, []).append(failure)
    return PrivateErrors(
        worst,
        limits,
        [photo.name for photo in photos],
        _chips(wanted_chips(worst), photos, plan, finder),
        _unfound(photos, embedded, plan, finder),
        reasons,
    )


def _chips(
    wanted: set[Seen], photos: Sequence[LabelledPhoto], plan: ViewPlan, finder: Finder
) -> dict[Seen, Image]:
    chips: dict[Seen, Image] = {}
    for number in sorted({number for number, _ in wanted}):
        for view in photo_views(number, photos[number], plan, finder):
            if not view.face.failure:
                chips[number, view.masked] = view.face.crop
    return chips


def _unfound(
    photos: Sequence[LabelledPhoto],
    embedded: EmbeddedViews,
    plan: ViewPlan,
    finder: Finder,
) -> list[tuple[Image, str]]:
    failed = [place for place, why in enumerate(embedded.failures) if why]
    pictures = []
    for place in failed[:_UNFOUND]:
        photo = photos[int(embedded.photos[place])]
        rendered = bool(embedded.masked[place]) and not photo.masked
        try:
            picture = picture_seen(photo, rendered, plan, finder)
        except UnreadableImage:
            # Its reason is in the list; there is nothing to show.
            picture = np.full((180, 180, 3), 200, np.uint8)
        pictures.append((picture, photo.name[-26:]))
    return pictures
