"""What tests of several rooms share."""

import pytest

from index.enrollment import stage as enroll_stage
from index.gallery.gallery import open_or_create_gallery
from masking.augment.manifest import ManifestRow
from tests.fakes.chip_galleries import (
    filled,
)
from tests.fakes.faces_for_index import ColourEmbedder
from tests.fakes.manifests import (
    PEOPLE,
    manifest_of,
    name_of,
    row_of,
    unmasked,
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("augmented")
    rows = []
    for number in range(PEOPLE):
        colour = (0, number, 250) if number % 2 else (250, number, 0)
        for copy in range(1 + number % 2):
            rows.append(row_of(folder, name_of(number), 100 * copy + number, colour))
    lost = ManifestRow("lost.jpg", "Person 99", "shaX", failure="no face found")
    return manifest_of(folder, [*rows, lost])


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    # Plain colours are no faces: what the model makes of them is not the question.
    monkeypatch.setattr(enroll_stage, "mask_states", unmasked)
    with open_or_create_gallery(tmp_path / "gallery", ColourEmbedder()) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path):
    return filled(tmp_path / "gallery", "Person_01", "Person_02", "Person_02")
