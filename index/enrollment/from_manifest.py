"""Fills the gallery with the people of an augmented folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from index.calibration.stage import check_alignment
from index.enrollment.report import EnrollReport
from index.enrollment.stage import ChipRow, enroll_chips
from index.gallery.gallery import Gallery
from masking.augment.manifest import Manifest, ManifestRow
from masking.files.name_form import normal_form
from masking.masks.spec import SpecConfig
from training.data.chip_dataset import CALM, ChipDataset
from training.embedders.mask_classifier import mask_states
from training.embedders.protocol import Embedder

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
    check_alignment(manifest, embedder)
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


def _chip_rows(manifest: Manifest, embedder: Embedder) -> Iterator[ChipRow]:
    rows = manifest.faces()
    chips = _chips(manifest, rows, embedder)
    for index, row in enumerate(rows):
        pixels = chips[0, index][0].numpy()
        state = mask_states(pixels[None], embedder.geometry)[0]
        yield ChipRow(
            normal_form(row.identity),
            row.sha256,
            row.photo_id,
            np.ascontiguousarray(pixels.transpose(1, 2, 0)),
            state.is_masked,
        )


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
