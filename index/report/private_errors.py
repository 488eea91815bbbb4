"""Gathers the pictures of the worst errors of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from index.datasets.embed_views import EmbeddedViews
from index.datasets.labelled_photos import LabelledPhoto
from index.datasets.views import Finder, ViewPlan, photo_views, picture_seen
from index.evaluation.figures import ALL, Measured
from index.evaluation.set_figures import FARS
from index.report.worst_sheet import PrivateErrors, Seen, wanted_chips
from masking.errors import UnreadableImage
from masking.landmarks import Image

# More pictures without a face are only listed.
_UNFOUND = 36


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
        if failure is not None:
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
            if view.chips:
                chips[number, view.masked] = view.chips[0]
    return chips


def _unfound(
    photos: Sequence[LabelledPhoto],
    embedded: EmbeddedViews,
    plan: ViewPlan,
    finder: Finder,
) -> list[tuple[Image, str]]:
    failed = [place for place, why in enumerate(embedded.failures) if why is not None]
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
