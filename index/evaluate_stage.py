"""Measures embedders on labelled photographs: the stage behind `evaluate`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from index.embed_views import EmbeddedViews, embed_views, geometries_of
from index.evaluate_config import EvaluateConfig
from index.evaluate_figures import EmbedderFigures, figures_of
from index.evaluate_plots import det_png, roc_png
from index.evaluate_report import EvaluateReport, acquisition
from index.labelled_photos import NO_MASK, LabelledPhoto
from index.mask_painter import mask_painter
from index.photo_views import Finder, Painter, ViewPlan, all_views
from index.remembered_faces import RememberingFinders
from masking.errors import InvalidConfig, MissingInput
from masking.face_finding import default_finder
from masking.image_files import write_bytes
from training.comparisons import Indices
from training.embedder import Embedder

REPORT, ROC_PLOT, DET_PLOT = "report.json", "roc.png", "det.png"
TABLE = "table.txt"


def evaluate(
    photos: Sequence[LabelledPhoto],
    embedders: Sequence[Embedder],
    out: Path,
    config: EvaluateConfig,
    found_faces: Path,
    make_finder: Callable[[], Finder] = default_finder,
    painter: Painter | None = None,
) -> EvaluateReport:
    """Verify and identify, unmasked and masked, and write the results to `out`.

    Without a masked photograph in the collection, a masked copy of each is
    painted. Writes report.json, table.txt, roc.png and det.png.

    Args:
        photos: the collection, see `labelled_photos`.
        embedders: in the order of the tables, the untouched network first.
        found_faces: folder that remembers detections for the next evaluation.
        painter: paints other masks than those of `config.kinds`.

    Raises:
        InvalidConfig: embedders of one name or of another metric.
        MissingInput: nobody in the collection can be compared.
    """
    _check_embedders(embedders)
    # Hours of work are not lost to a folder that cannot be made.
    out.mkdir(parents=True, exist_ok=True)
    names, numbers = np.unique([photo.person for photo in photos], return_inverse=True)
    people = numbers.astype(np.int32)
    painted = not any(photo.masked for photo in photos)
    if painted and painter is None:
        painter = mask_painter(config.seed, config.kinds)
    finders = RememberingFinders(make_finder, found_faces)
    embedded = _embedded(
        photos, embedders, config, finders, painter if painted else None
    )
    figures = _all_figures(embedders, embedded, people, config)
    report = _report(photos, len(names), painted, embedded, figures, config)
    write_report(report, out)
    return report


def write_report(report: EvaluateReport, out: Path) -> None:
    """Write the files of an evaluation into the folder `out`."""
    record = json.dumps(report.to_json(), indent=1, allow_nan=False)
    write_bytes(out / REPORT, record.encode())
    write_bytes(out / TABLE, (report.table() + "\n").encode())
    write_bytes(out / ROC_PLOT, roc_png(report.embedders))
    write_bytes(out / DET_PLOT, det_png(report.embedders))


def _check_embedders(embedders: Sequence[Embedder]) -> None:
    names = [embedder.name for embedder in embedders]
    if not names or len(set(names)) < len(names):
        raise InvalidConfig(
            f"embedders {', '.join(names) or '(none)'}: expected different names."
        )
    for embedder in embedders:
        if embedder.metric != "euclidean":
            raise InvalidConfig(
                f"embedder {embedder.name} compares by {embedder.metric!r}, expected "
                "'euclidean'."
            )


def _embedded(
    photos: Sequence[LabelledPhoto],
    embedders: Sequence[Embedder],
    config: EvaluateConfig,
    finders: RememberingFinders,
    painter: Painter | None,
) -> EmbeddedViews:
    """Find, paint and cut out every face once, for all embedders."""
    geometries = geometries_of(embedders)
    plan = ViewPlan(geometries, config.on_no_face, painter, config.redetect)
    views = all_views(photos, plan, config.workers, finders)
    total = len(photos) * (2 if painter else 1)
    shown = tqdm(views, total=total, desc="evaluate", unit="face", disable=None)
    return embed_views(shown, embedders, config.batch_size)


def _all_figures(
    embedders: Sequence[Embedder],
    embedded: EmbeddedViews,
    people: Indices,
    config: EvaluateConfig,
) -> tuple[EmbedderFigures, ...]:
    figures = tuple(
        figures_of(
            embedded.faces(number, people),
            embedded.masked,
            embedder.name,
            embedder.fingerprint,
            config.seed,
            config.rounds,
        )
        for number, embedder in enumerate(embedders)
    )
    if not figures[0].sets:
        raise MissingInput(
            "nothing to compare: expected two people, one of them with two photographs."
        )
    return figures


def _report(
    photos: Sequence[LabelledPhoto],
    people: int,
    painted: bool,
    embedded: EmbeddedViews,
    figures: tuple[EmbedderFigures, ...],
    config: EvaluateConfig,
) -> EvaluateReport:
    failures: dict[str, list[str]] = {}
    found: dict[bool, list[str]] = {False: [], True: []}
    masks: dict[str, int] = {}
    for view, failure in enumerate(embedded.failures):
        mask = embedded.masks[view]
        found[mask != NO_MASK].append(embedded.detectors[view])
        if mask != NO_MASK:
            masks[mask] = masks.get(mask, 0) + 1
        if failure is not None:
            name = photos[int(embedded.photos[view])].name
            failures.setdefault(name, []).append(failure)
    return EvaluateReport(
        photos=len(photos),
        people=people,
        painted=painted,
        unmasked=acquisition(found[False]),
        masked=acquisition(found[True]),
        masks=dict(sorted(masks.items())),
        failures=failures,
        embedders=figures,
        config=config,
    )
