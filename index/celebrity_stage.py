"""Fills the gallery with the people of an augmented folder and calibrates it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from index.calibration import Calibration, calibrate
from index.enroll_stage import ChipRow, EnrollReport, enroll_chips
from index.gallery import Gallery
from index.gallery_calibration import MIN_PAIRS
from index.gallery_rows import checked_embedding
from index.person_names import folder_name
from masking.errors import InvalidConfig
from masking.landmarks import Float32
from masking.manifest import Manifest, ManifestRow
from masking.mask_spec import SpecConfig
from training.chip_dataset import CALM, ChipDataset
from training.chip_embeddings import embed_rows
from training.comparisons import euclidean
from training.embedder import Embedder

_log = logging.getLogger(__name__)


def enroll_celebrities(gallery: Gallery, manifest: Manifest, embedder: Embedder) -> int:
    """Add everybody of a manifest; those who are in already are left as they are.

    Photographs that could not be added, or that do not look like the others of the
    same name, are logged.

    Returns:
        How many photographs are new.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
        InvalidConfig: the manifest's chips are aligned in another way.
    """
    _check_alignment(manifest, embedder)
    rows = _chip_rows(manifest, embedder)
    shown = tqdm(
        rows, "gallery", len(manifest.faces()), unit="photo", disable=None, leave=False
    )
    report = enroll_chips(gallery, embedder, shown)
    _log_doubts(report)
    return len(report.added)


def _log_doubts(report: EnrollReport) -> None:
    if report.failures:
        reason = next(iter(report.failures.values()))
        count = len(report.failures)
        _log.warning("%d photos could not be enrolled, the first: %s", count, reason)
    if report.unlike:
        photo, distance = max(report.unlike.items(), key=lambda item: item[1])
        _log.warning(
            "%d photos do not look like the others of the same name, least of all "
            "%s (distance %.2f); they stay enrolled",
            len(report.unlike),
            photo,
            distance,
        )


def _check_alignment(manifest: Manifest, embedder: Embedder) -> None:
    found, wanted = manifest.geometry.points, embedder.geometry.points
    if found != wanted:
        raise InvalidConfig(
            f"{manifest.folder}: its chips are aligned by the {found} points, the "
            f"embedder {embedder.name} reads chips aligned by the {wanted} ones. Run "
            "again: python cli.py augment"
        )


def _chip_rows(manifest: Manifest, embedder: Embedder) -> Iterator[ChipRow]:
    rows = manifest.faces()
    chips = _chips(manifest, rows, embedder)
    for index, row in enumerate(rows):
        pixels = chips[0, index][0].numpy().transpose(1, 2, 0)
        name = folder_name(row.identity)
        yield ChipRow(name, row.sha256, row.photo_id, np.ascontiguousarray(pixels))


def _chips(
    manifest: Manifest, rows: Sequence[ManifestRow], embedder: Embedder
) -> ChipDataset:
    return ChipDataset(
        manifest.folder,
        rows,
        manifest.geometry,
        embedder.geometry,
        0.0,
        SpecConfig(),
        CALM,
        0,
    )


def calibrate_on(
    gallery: Gallery,
    manifest: Manifest,
    strangers: Sequence[ManifestRow],
    embedder: Embedder,
    workers: int,
) -> Calibration | None:
    """Measure how near masked strangers come to the gallery's people, and keep it.

    Args:
        strangers: rows of people whom the embedder was not trained on. Their own
            templates are left out, so it does not matter that they are enrolled.

    Returns:
        None when there are too few to say anything; the gallery keeps its own.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
        InvalidConfig: the manifest's chips are aligned in another way.
        BadRecord: the embedding of a stranger is not finite.
    """
    gallery.check_embedder(embedder)
    _check_alignment(manifest, embedder)
    masked = _masked_embeddings(manifest, strangers, embedder, workers)
    templates = gallery.templates()
    own = _own_templates(gallery, strangers)
    others = [row for row, i in enumerate(templates.person_ids) if int(i) not in own]
    distances = euclidean(masked, templates.matrix[others])
    if distances.size < MIN_PAIRS:
        return None
    people = len({row.identity for row in strangers})
    source = f"{people} validation people with painted masks, {len(others)} templates"
    calibration = calibrate(distances, source)
    gallery.set_calibration(calibration)
    return calibration


def _masked_embeddings(
    manifest: Manifest, rows: Sequence[ManifestRow], embedder: Embedder, workers: int
) -> Float32:
    embeddings = embed_rows(
        manifest, rows, embedder, workers, masked_share=1.0, seed=1, label="calibrate"
    )
    for row, embedding in zip(rows, embeddings, strict=True):
        checked_embedding(embedding, embedder.dimension, row.photo_id)
    return embeddings


def _own_templates(gallery: Gallery, strangers: Sequence[ManifestRow]) -> set[int]:
    """Numbers of enrolled people who are strangers, by name or by photograph.

    By photograph too, as a person may have been renamed or enrolled under another
    name: a single one would put genuine pairs among the nearest strangers.
    """
    names = {folder_name(row.identity) for row in strangers}
    named = {person.person_id for person in gallery.people() if person.name in names}
    return named | gallery.owners({row.sha256 for row in strangers})
