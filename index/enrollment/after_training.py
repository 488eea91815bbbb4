"""After `train`: everybody in the new embedding, calibrated and ready for searches."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from index.calibration.config import CalibrateConfig
from index.calibration.decision import calibration_of
from index.calibration.fit import TooFewImpostors
from index.calibration.stage import calibrate_on_chips, check_alignment
from index.enrollment.faces import NamedFace
from index.enrollment.reembed import reembed_gallery
from index.enrollment.stage import EnrollReport, enroll_faces
from index.gallery.gallery import Gallery, open_gallery, open_or_create_gallery
from index.gallery.people import stored_hashes
from index.gallery.storage.database import FILE_NAME
from index.gallery.storage.store import checked_name
from index.search.open_search import refresh_snapshot
from masking.augment.manifest import Manifest, ManifestRow
from masking.errors import ToolkitError
from masking.faces.finder import AlignedFace
from masking.files.text import counted, normal_form
from masking.masks.spec import SpecConfig
from masking.workers import worker_count
from training.config import TrainConfig
from training.data.chip_dataset import CALM, ChipDataset
from training.data.train_data import held_out_rows
from training.embedders.embedded_face import Embedder

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuiltGallery:
    """The gallery after a training.

    Attributes:
        people, photos: in it; photos counts those that are new.
        reembedded: photos that were enrolled with an earlier embedder.
        calibrated: whether the threshold was measured for this embedder.
    """

    people: int
    photos: int
    reembedded: int
    calibrated: bool


def rebuild_gallery(
    folder: Path,
    people: Manifest,
    trained_on: Manifest,
    embedder: Embedder,
    config: TrainConfig,
) -> BuiltGallery:
    """Bring a gallery to a new embedder and add the people of a manifest.

    Args:
        people: whom to add.
        trained_on: the part that the embedder was trained on; the people that the
            training held out are the impostors of the calibration.
    """
    reembedded = 0
    if (folder / FILE_NAME).is_file():
        with open_gallery(folder) as gallery:
            stale = gallery.fingerprint != embedder.fingerprint
        if stale:
            reembedded = reembed_gallery(folder, embedder)
    impostors = held_out_rows(
        trained_on, config.validation_fraction, config.validation_seed
    )
    workers, masks = worker_count(config.workers), CalibrateConfig().masks
    with open_or_create_gallery(folder, embedder) as gallery:
        added = enroll_manifest(gallery, people, embedder)
        try:
            calibrate_on_chips(gallery, trained_on, impostors, embedder, masks, workers)
        except TooFewImpostors as error:
            _log.warning("%s: not calibrated: %s", folder, error)
        refresh_snapshot(gallery)
        _, calibrated = calibration_of(gallery)
        return BuiltGallery(
            people=len(gallery.people()),
            photos=added,
            reembedded=reembedded,
            calibrated=calibrated,
        )


def enroll_manifest(gallery: Gallery, manifest: Manifest, embedder: Embedder) -> int:
    """Add everybody of a manifest; photos that are enrolled are left as they are.

    Photographs that could not be added, or that do not look like the others of the
    same name, are logged.

    Returns:
        How many photographs are new.

    Raises:
        EmbedderMismatch: the gallery belongs to another embedder.
        InvalidConfig: the manifest's chips are aligned in another way.
    """
    check_alignment(manifest, embedder)
    faces = _manifest_faces(gallery, manifest, embedder)
    shown = tqdm(
        faces, "gallery", len(manifest.faces()), unit="photo", disable=None, leave=False
    )
    report = enroll_faces(gallery, embedder, shown)
    _log_doubts(report)
    return len(report.added)


def _log_doubts(report: EnrollReport) -> None:
    if report.failures:
        reason = next(iter(report.failures.values()))
        lost = counted(len(report.failures), "photo")
        _log.warning("%s could not be enrolled, the first: %s", lost, reason)
    if report.unlike:
        photo, distance = max(report.unlike.items(), key=lambda item: item[1])
        _log.warning(
            "unlike the others of the same name: %s, least of all %s (distance %.2f); "
            "all stay enrolled",
            counted(len(report.unlike), "photo"),
            photo,
            distance,
        )


def _manifest_faces(
    gallery: Gallery, manifest: Manifest, embedder: Embedder
) -> Iterator[NamedFace]:
    """The crops of a manifest; those that are enrolled already are not read."""
    rows = manifest.faces()
    crops = _crops(manifest, rows, embedder)
    for index, row in enumerate(rows):
        name = normal_form(row.identity)
        face = AlignedFace(row.photo_id, row.sha256)
        try:
            name = checked_name(name)
        except ToolkitError as error:
            yield NamedFace(name, replace(face, failure=str(error)))
            continue
        if row.sha256 in stored_hashes(gallery.store, name):
            yield NamedFace(name, face, enrolled=True)
            continue
        pixels = np.ascontiguousarray(crops[0, index][0].numpy().transpose(1, 2, 0))
        yield NamedFace(name, replace(face, crops=(pixels,)))


def _crops(
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
