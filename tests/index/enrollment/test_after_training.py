"""The people of an augmented folder go in, and masked impostors set the threshold."""

import numpy as np
import pytest

from index.engines.neighbours import MASKED, UNMASKED
from index.enrollment import stage as enroll_stage
from index.enrollment.after_training import enroll_manifest
from masking.errors import InvalidConfig
from masking.faces.alignment import ChipGeometry
from tests.fakes.faces_for_index import ColourEmbedder
from tests.fakes.manifests import PEOPLE, STRANGERS, manifest_of, name_of, row_of
from training.embedders.mask_classifier import MaskState


def test_everybody_with_a_face_goes_in_once(gallery, manifest):
    embedder = ColourEmbedder()
    assert enroll_manifest(gallery, manifest, embedder) == PEOPLE + STRANGERS
    assert enroll_manifest(gallery, manifest, embedder) == 0
    # Each as it is and under a mask.
    assert embedder.embedded == 2 * (PEOPLE + STRANGERS)
    people = gallery.people()
    assert len(people) == PEOPLE
    assert people[0].name == "Person 00"
    (photo,) = gallery.photos("Person 00")
    assert (photo.source, photo.sha256) == ("Person 00/0.jpg", "sha0")
    wanted = np.array([250, 0, 0]) / 255
    np.testing.assert_allclose(gallery.templates().matrix[0], wanted, atol=0.01)


def test_chips_of_another_size_are_scaled(tmp_path, gallery):
    geometry = ChipGeometry(size_px=64, padding=0.0)
    row = row_of(tmp_path, "Person_01", 1, (9, 90, 200))
    large = manifest_of(tmp_path, [row], geometry)
    assert enroll_manifest(gallery, large, ColourEmbedder()) == 1


def test_what_could_not_be_enrolled_or_looks_odd_is_logged(tmp_path, gallery, caplog):
    red, blue = (250, 0, 0), (0, 0, 250)
    rows = [row_of(tmp_path, "Person_01", i, red) for i in range(3)]
    rows.append(row_of(tmp_path, "Person_01", 3, blue))
    rows.append(row_of(tmp_path, "x" * 201, 4, red))
    assert enroll_manifest(gallery, manifest_of(tmp_path, rows), ColourEmbedder())
    assert "1 photo could not be enrolled, the first: a name has 1 to" in caplog.text
    assert "least of all Person_01/3.jpg (distance 1.39)" in caplog.text
    assert gallery.people()[0].photo_count == 4


def test_chips_that_are_aligned_in_another_way_are_refused(gallery, manifest):
    inner = ChipGeometry(size_px=32, padding=0.0, points="inner")
    other = manifest_of(manifest.folder, manifest.faces(), inner)
    with pytest.raises(InvalidConfig, match="aligned by the inner points"):
        enroll_manifest(gallery, other, ColourEmbedder())
    assert gallery.people() == []


def test_photos_that_show_a_mask_are_enrolled_as_masked(gallery, manifest, monkeypatch):
    def reddish(chips, geometry):
        return tuple(MaskState(float(chip[0].mean() > 128), 0.0) for chip in chips)

    monkeypatch.setattr(enroll_stage, "mask_states", reddish)
    enroll_manifest(gallery, manifest, ColourEmbedder())
    assert [photo.masked for photo in gallery.photos("Person 00")] == [True]
    assert [photo.masked for photo in gallery.photos(name_of(1))] == [False] * 2
    # Who is enrolled unmasked has a template for masked faces as well.
    assert len(gallery.templates(UNMASKED).matrix) == STRANGERS
    assert len(gallery.templates(MASKED).matrix) == PEOPLE
