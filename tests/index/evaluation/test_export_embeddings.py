"""A folder becomes one file that needs no pickles."""

import dataclasses

import numpy as np
import pytest

from index.datasets.embed_views import embed_views
from index.datasets.views import View
from index.evaluation.config import EmbedConfig
from index.evaluation.export_embeddings import embed_folder
from masking.datasets.collections import NO_MASK
from masking.errors import InvalidConfig, MissingInput
from masking.faces.finder import AlignedFace
from tests.fakes.drawn_people import ColourEmbedder, DrawnFinder, draw_person

CONFIG = EmbedConfig(workers=1, batch_size=2)


@pytest.fixture
def folder(tmp_path):
    draw_person(tmp_path / "in/Zoë/1.png", 4, 0)
    draw_person(tmp_path / "in/Ann/1.png", 1, 0)
    draw_person(tmp_path / "in/Ann/2.png", 1, 1, found=False)
    (tmp_path / "in/Ann/3.png").write_bytes(b"broken")
    return tmp_path / "in"


def embed(folder, config=CONFIG, name="out.npz"):
    out = folder.parent / name
    report = embed_folder(folder, out, ColourEmbedder("dlib"), config, DrawnFinder)
    return report, np.load(out, allow_pickle=False)


def test_every_photograph_has_a_row(folder):
    report, file = embed(folder)
    assert file["paths"].tolist() == [
        "Ann/1.png",
        "Ann/2.png",
        "Ann/3.png",
        "Zoë/1.png",
    ]
    np.testing.assert_array_equal(file["found"], [True, False, False, True])
    embeddings = file["embeddings"]
    assert (embeddings.shape, embeddings.dtype) == ((4, 3), np.float32)
    np.testing.assert_array_equal(
        np.isnan(embeddings).all(axis=1), [False, True, True, False]
    )
    # Person 1 is (120, 40, 40), person 4 (120, 120, 40).
    np.testing.assert_allclose(
        embeddings[[0, 3]] * 255, [[120, 40, 40], [120, 120, 40]], atol=0.01
    )
    assert str(file["fingerprint"]) == ColourEmbedder("dlib").fingerprint
    assert (report.found, report.exit_code) == (2, 2)
    assert report.unread == ["Ann/3.png"]
    assert sorted(report.failures) == ["Ann/2.png", "Ann/3.png"]
    assert "no face" in report.failures["Ann/2.png"]


def test_every_face_is_embedded_once_more_under_a_mask(folder):
    _, file = embed(folder)
    embeddings, references, found = (
        file[n] for n in ("embeddings", "masked_references", "found")
    )
    assert (references.shape, references.dtype) == (embeddings.shape, np.float32)
    np.testing.assert_array_equal(np.isnan(references).all(axis=1), ~found)
    # The mask is blue, and nobody here is.
    assert (references[found][:, 2] > embeddings[found][:, 2] + 0.025).all()


def test_masked_faces_and_lost_ones_are_get_no_reference():
    crops = (np.full((24, 24, 3), 100, np.uint8),)
    views = [
        View(0, NO_MASK, AlignedFace("a", failure="no face found.")),
        View(0, "cloth", AlignedFace("a", crops=crops)),
        View(1, NO_MASK, AlignedFace("b", crops=crops)),
    ]
    # Batches with and without an unmasked face.
    for batch_size in (1, 3):
        found = embed_views(views, [ColourEmbedder("dlib")], batch_size)
        people = np.array([7, 8], np.int32)
        faces = found.faces(0, people, None)
        references = found.reference_faces(0, people, None)
        np.testing.assert_array_equal(faces.acquired, [False, True, True])
        np.testing.assert_array_equal(references.acquired, [False, True, True])
        changed = (references.embeddings != faces.embeddings).all(axis=1)
        np.testing.assert_array_equal(changed[1:], [False, True])
        np.testing.assert_array_equal(references.people, [7, 7, 8])


def test_references_that_nobody_wants_are_not_made(monkeypatch):
    monkeypatch.setattr("training.embedders.embedded_face.under_mask", None)
    crops = (np.full((24, 24, 3), 100, np.uint8),)
    views = [View(0, NO_MASK, AlignedFace("a", crops=crops))]
    found = embed_views(views, [ColourEmbedder("dlib")], 1, references=False)
    np.testing.assert_array_equal(found.masked_references, found.embeddings)


def test_crops_are_embedded_whole_if_asked_to(folder):
    report, file = embed(folder, dataclasses.replace(CONFIG, on_no_face="crop"))
    np.testing.assert_array_equal(file["found"], [True, True, False, True])
    assert report.found == 3


def test_a_photograph_without_a_face_was_read(folder):
    (folder / "Ann/3.png").unlink()
    report, _ = embed(folder)
    assert (report.found, report.unread, report.exit_code) == (2, [], 0)


def test_nothing_found_is_told_by_the_exit_code(tmp_path):
    draw_person(tmp_path / "in/1.png", 1, 0, found=False)
    report, file = embed(tmp_path / "in")
    assert (report.exit_code, file["embeddings"].shape) == (1, (1, 3))


def test_bad_input_leaves_an_old_file_alone(folder, tmp_path):
    (tmp_path / "out.npz").write_bytes(b"precious")
    with pytest.raises(MissingInput, match="no such folder"):
        embed(tmp_path / "gone")
    with pytest.raises(InvalidConfig, match="name it so"):
        embed(folder, name="out.csv")
    assert (tmp_path / "out.npz").read_bytes() == b"precious"
