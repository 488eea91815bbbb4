"""Gathers the pictures of the worst errors of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.datasets.embed_views import EmbeddedViews
from index.datasets.views import ViewPlan, photo_views, picture_seen
from index.evaluation.figures import ALL, Measured
from index.evaluation.set_figures import FARS, WorstPair, WorstPairs
from masking.datasets.collections import LabelledPhoto
from masking.errors import UnreadableImage
from masking.faces.finder import Finder
from masking.landmarks import Image

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
