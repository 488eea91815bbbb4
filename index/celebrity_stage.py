"""Fills the gallery with the people of an augmented folder and calibrates it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from index.calibration import Calibration, calibrate
from index.enroll_stage import ChipRow, enroll_chips
from index.gallery import Gallery
from index.gallery_calibration import MIN_PAIRS
from masking.landmarks import Float32
from masking.manifest import Manifest, ManifestRow
from masking.mask_spec import SpecConfig
from training.chip_dataset import CALM, ChipDataset
from training.chip_embeddings import embed_rows
from training.comparisons import euclidean
from training.embedder import Embedder


def enroll_celebrities(gallery: Gallery, manifest: Manifest, embedder: Embedder) -> int:
    """Add everybody of a manifest; those who are in already are left as they are.

    Returns:
        How many photographs are new.
    """
    rows = _chip_rows(manifest, embedder)
    shown = tqdm(
        rows, "gallery", len(manifest.faces()), unit="photo", disable=None, leave=False
    )
    return len(enroll_chips(gallery, embedder, shown).added)


def _chip_rows(manifest: Manifest, embedder: Embedder) -> Iterator[ChipRow]:
    rows = manifest.faces()
    chips = _chips(manifest, rows, embedder)
    for index, row in enumerate(rows):
        pixels = chips[0, index][0].numpy().transpose(1, 2, 0)
        # A path of folders may name a person; names in a gallery are no paths.
        name = row.identity.replace("/", " ")
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
    """
    masked: Float32 = embed_rows(
        manifest,
        strangers,
        embedder,
        workers,
        masked_share=1.0,
        seed=1,
        label="calibrate",
    )
    templates = gallery.templates()
    names = gallery.names([int(i) for i in templates.person_ids])
    own = {row.identity.replace("/", " ") for row in strangers}
    others = [
        row for row, i in enumerate(templates.person_ids) if names[int(i)] not in own
    ]
    distances = euclidean(masked, templates.matrix[others])
    if distances.size < MIN_PAIRS:
        return None
    source = f"{len(own)} validation people with painted masks, {len(others)} templates"
    calibration = calibrate(distances, source)
    gallery.set_calibration(calibration)
    return calibration


def gallery_folder(workspace: Path) -> Path:
    """Where a workspace keeps its gallery."""
    return workspace / "gallery"
