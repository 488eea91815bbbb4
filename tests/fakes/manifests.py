"""Manifests of drawn people."""

import numpy as np

from masking.augment.manifest import Manifest, ManifestRow
from masking.datasets.images import write_image
from tests.fakes.faces_for_index import ColourEmbedder
from training.embedders.mask_classifier import MaskState

GEOMETRY = ColourEmbedder.geometry


LANDMARKS = GEOMETRY.targets().tolist()


# Every second person is an impostor with two bluish photos; the others are reddish.
PEOPLE, STRANGERS = 50, 25


ZOE = "Zoë"


def name_of(number):
    return f"{ZOE} {number:02d}" if number % 2 else f"Person {number:02d}"


def row_of(folder, identity, number, colour):
    chip = f"chips/{number}.png"
    write_image(folder / chip, np.full((32, 32, 3), colour, dtype=np.uint8))
    return ManifestRow(
        photo_id=f"{identity}/{number}.jpg",
        identity=identity,
        sha256=f"sha{number}",
        chip=chip,
        chip_landmarks=LANDMARKS,
    )


def manifest_of(folder, rows, geometry=GEOMETRY):
    return Manifest(folder, {}, geometry, sorted(rows, key=lambda r: r.photo_id), "")


def impostors_of(manifest):
    return [row for row in manifest.faces() if row.identity.startswith(ZOE)]


def unmasked(chips, geometry):
    return (MaskState(0.0, 0.0),) * len(chips)
