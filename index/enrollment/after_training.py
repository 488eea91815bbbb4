"""After `train`: everybody in the new embedding, calibrated and ready for searches."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from index.calibration.config import CalibrateConfig
from index.calibration.decision import policy_of
from index.calibration.fit import TooFewImpostors
from index.calibration.stage import calibrate_on_chips
from index.enrollment.from_manifest import enroll_celebrities
from index.enrollment.reembed import reembed_gallery
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.gallery.storage.database import FILE_NAME
from index.search.snapshots import refresh_snapshot
from masking.augment.manifest import Manifest
from masking.workers import worker_count
from training.config import TrainConfig
from training.data.train_data import held_out_rows
from training.embedders.protocol import Embedder

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuiltGallery:
    """The gallery after a training.

    Attributes:
        people, photos: in it; photos counts those that are new.
        reembedded: photos that were enrolled with an earlier embedder.
        threshold: distance below which an unmasked face is accepted.
        threshold_masked: below which a masked face is.
        calibrated: whether the threshold was measured for this embedder.
    """

    people: int
    photos: int
    reembedded: int
    threshold: float
    threshold_masked: float
    calibrated: bool


def build_gallery(
    folder: Path,
    celebrities: Manifest,
    trained_on: Manifest,
    embedder: Embedder,
    config: TrainConfig,
) -> BuiltGallery:
    """Bring a gallery to a new embedder and add all celebrities to it.

    Args:
        celebrities: whom to add.
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
        added = enroll_celebrities(gallery, celebrities, embedder)
        try:
            calibrate_on_chips(gallery, trained_on, impostors, embedder, masks, workers)
        except TooFewImpostors as error:
            _log.warning("%s: not calibrated: %s", folder, error)
        refresh_snapshot(gallery)
        policy = policy_of(gallery)
        return BuiltGallery(
            people=len(gallery.people()),
            photos=added,
            reembedded=reembedded,
            threshold=policy.threshold(masked_probe=False),
            threshold_masked=policy.threshold(masked_probe=True, masked_template=True),
            calibrated=policy.calibrated,
        )
