"""A gallery is used with its own embedder, and re-embedded by one of its chips."""

import numpy as np
import pytest

from index.enrollment.reembed import reembed_gallery
from index.enrollment.stage import enroll_faces
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.search.open_search import open_search
from masking.errors import BadRecord, EmbedderMismatch, InvalidConfig
from masking.faces.alignment import ChipGeometry
from tests.fakes.chip_galleries import (
    CALIBRATION,
    DoubleEmbedder,
    content,
    filled,
    named_faces,
)
from tests.fakes.faces_for_index import ColourEmbedder
from training.metrics.score_normalization import Cohort


@pytest.fixture
def folder(tmp_path):
    return filled(tmp_path / "gallery", "Person_01", "Person_02", "Person_02")


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (ChipGeometry(size_px=40, padding=0.0), r"reads 40 px \(padding 0"),
        (ChipGeometry(size_px=32, padding=0.25), r"32 px \(padding 0.25"),
        (ChipGeometry(size_px=32, padding=0.0, points="inner"), "by the inner points"),
    ],
)
def test_embedder_of_other_chips_is_refused(folder, geometry, words):
    embedder, before = DoubleEmbedder(), content(folder)
    embedder.geometry = geometry
    with pytest.raises(EmbedderMismatch, match=f"keeps chips of 32 px.* {words}"):
        reembed_gallery(folder, embedder)
    assert content(folder) == before


def test_gallery_that_was_open_meanwhile_refuses_to_mix(folder):
    with open_gallery(folder) as stale:
        query = np.zeros(3, np.float32)
        assert stale.nearest_photo(1, query).source == "Person_01/0.jpg"
        reembed_gallery(folder, DoubleEmbedder())
        uses = (
            lambda: enroll_faces(stale, ColourEmbedder(), named_faces("Person_05")),
            lambda: stale.set_calibration(CALIBRATION.to_json()),
            lambda: stale.nearest_photo(1, query),
            lambda: open_search(stale, "exact"),
            lambda: stale.templates(),
            lambda: stale.export(folder / "all.npz"),
        )
        for use in uses:
            with pytest.raises(EmbedderMismatch, match="embedded again"):
                use()
    with open_gallery(folder) as gallery:
        assert len(gallery.people()) == 2
        assert gallery.calibration_json == ""


@pytest.mark.parametrize("record", ["", "[1]", '{"size_px": 1}', '{"depth": 3}'])
def test_gallery_that_does_not_know_its_chips_is_refused(folder, record):
    with open_gallery(folder) as gallery, gallery.store.changes():
        gallery.store.set_meta("chip_geometry", record)
    with pytest.raises(BadRecord, match="the record of its chips is damaged"):
        reembed_gallery(folder, DoubleEmbedder())


def test_embedder_of_another_metric_is_refused(tmp_path):
    embedder = ColourEmbedder()
    embedder.metric = "cosine"
    with pytest.raises(InvalidConfig, match=r"by euclidean distance, .* by cosine"):
        open_or_create_gallery(tmp_path, embedder)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_cohort_is_put_right_by_embedding_again(folder):
    embedder = DoubleEmbedder()
    members = np.random.default_rng(0).uniform(size=(20, embedder.dimension))
    embedder.cohort = Cohort.of(members, 0.5)
    reembed_gallery(folder, embedder)
    with open_gallery(folder) as gallery, gallery.store.changes():
        gallery.store.set_meta("cohort", '{"usual": 0.5}')
    with pytest.raises(BadRecord, match=r"cohort is damaged.*gallery rebuild --model"):
        open_gallery(folder)
    reembed_gallery(folder, embedder)
    with open_gallery(folder) as gallery:
        np.testing.assert_array_equal(gallery.cohort.members, embedder.cohort.members)
