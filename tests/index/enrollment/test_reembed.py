"""Another embedder replaces all vectors or none, whatever happens meanwhile."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index.engines.annoy_index import snapshot_folders
from index.enrollment.reembed import reembed_gallery
from index.enrollment.stage import enroll_faces
from index.gallery.erasure import erase_people
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.gallery.storage.store import GalleryStore
from index.search.open_search import build_snapshot, open_search
from masking.errors import BadRecord, EmbedderMismatch, MissingInput, ToolkitError
from tests.fakes.chip_galleries import (
    CALIBRATION,
    DoubleEmbedder,
    content,
    filled,
    named_faces,
)
from tests.fakes.faces_for_index import ColourEmbedder
from training.embedders.embedded_face import masked_references, network_input


def test_vectors_are_the_new_embedders_and_the_rest_stays(folder):
    with open_gallery(folder) as gallery:
        gallery.set_calibration(CALIBRATION.to_json())
        build_snapshot(gallery)
    people, photos, *_ = content(folder)
    assert reembed_gallery(folder, DoubleEmbedder()) == 3
    assert content(folder)[:2] == [people, photos]
    assert snapshot_folders(folder) == []
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.glob("gallery*")} == {0o600}
    with open_or_create_gallery(folder, DoubleEmbedder()) as gallery:
        assert (gallery.dimension, gallery.calibration_json) == (4, "")
        wanted = np.array([[20, 20, 20, 255], [23, 23, 23, 255]]) / 255
        np.testing.assert_allclose(gallery.templates().matrix, wanted, atol=1e-6)
        found = open_search(gallery, "annoy").nearest(np.zeros(4, np.float32), 2)
        assert [neighbour.person_id for neighbour in found] == [1, 2]
        audit = gallery.store.read(
            "SELECT action, person_id, detail FROM audit ORDER BY id"
        )
    assert audit[-1] == ("reembed", None, "3 photos, embedder dddddddddddd")
    assert [row[0] for row in audit] == ["add", "add", "calibrate", "reembed"]
    with pytest.raises(EmbedderMismatch):
        open_or_create_gallery(folder, ColourEmbedder())


def test_same_embedder_repairs_vectors_and_keeps_the_calibration(folder):
    before = content(folder)[2]
    with open_gallery(folder) as gallery:
        gallery.set_calibration(CALIBRATION.to_json())
        with gallery.store.changes():
            nan = np.full(3, np.nan, "<f4").tobytes()
            gallery.store.execute("UPDATE embeddings SET vector = ?", (nan,))
    assert reembed_gallery(folder, ColourEmbedder()) == 3
    assert content(folder)[2] == before
    with open_gallery(folder) as gallery:
        assert gallery.calibration_json == CALIBRATION.to_json()


def test_references_are_the_new_embedders_too(tmp_path):
    folder = filled(tmp_path / "gallery", "Person_01", masked=False)
    filled(folder, "Person_02", masked=True)
    embedder = DoubleEmbedder()
    assert reembed_gallery(folder, embedder) == 2
    assert embedder.batches == [2, 1]
    with open_gallery(folder) as gallery:
        chips = network_input([named.face.crop for named in named_faces("Person_01")])
        plain = embedder.embed(chips)
        under = masked_references(embedder, chips, plain)
        for masked, wanted in ((False, plain[0]), (True, under[0])):
            found = gallery.person_template(1, masked)
            # Stored chips are JPEGs.
            np.testing.assert_allclose(found, wanted, atol=0.02)
        # Who is masked has no unmasked face to make a reference of.
        assert gallery.photo_counts([2]) == {(2, True): 1}
        assert gallery.store.read("SELECT photo_id FROM masked_references") == [(1,)]


def test_references_of_the_own_embedder_stay_and_so_does_the_calibration(tmp_path):
    folder = filled(tmp_path / "gallery", "Person_01", "Person_02", masked=False)
    with open_gallery(folder) as gallery:
        gallery.set_calibration(CALIBRATION.to_json())
    before = content(folder)[4]
    assert reembed_gallery(folder, ColourEmbedder()) == 2
    after = content(folder)[4]
    assert [row[0] for row in after] == [row[0] for row in before] == [1, 2]
    for (_, new, _), (_, old, _) in zip(after, before, strict=True):
        found, kept = (np.frombuffer(blob, "<f4") for blob in (new, old))
        np.testing.assert_allclose(found, kept, atol=0.01)
    with open_gallery(folder) as gallery:
        assert gallery.calibration_json == CALIBRATION.to_json()


def test_reference_that_is_not_finite_changes_nothing(tmp_path):
    class Broken(DoubleEmbedder):
        def embed(self, chips):
            rows = super().embed(chips)
            return rows * np.nan if len(self.batches) == 2 else rows

    folder = filled(tmp_path / "gallery", "Person_01", masked=False)
    before = content(folder)
    with pytest.raises(BadRecord, match=r"photo 1 of Person_01.* not finite"):
        reembed_gallery(folder, Broken())
    assert content(folder) == before


@pytest.mark.parametrize(
    ("masked", "batches"), [(True, [256, 44]), (False, [256, 256, 44, 44])]
)
def test_chips_are_embedded_in_batches(tmp_path, monkeypatch, masked, batches):
    # What is drawn has its own tests.
    drawing = "training.embedders.embedded_face.under_mask"
    monkeypatch.setattr(drawing, lambda chips, geometry: chips)
    names = [f"Person_{i:03d}" for i in range(300)]
    folder = filled(tmp_path, *names, masked=masked)
    embedder = DoubleEmbedder()
    assert reembed_gallery(folder, embedder) == 300
    # Unmasked ones come twice, the second time under a mask.
    assert embedder.batches == batches


def test_empty_and_missing_galleries(tmp_path):
    assert reembed_gallery(filled(tmp_path / "empty"), DoubleEmbedder()) == 0
    open_or_create_gallery(tmp_path / "empty", DoubleEmbedder()).close()
    with pytest.raises(MissingInput, match="no gallery yet"):
        reembed_gallery(tmp_path / "none", DoubleEmbedder())


@pytest.mark.parametrize("chip", [b"no image", b""])
def test_damaged_chip_is_named_and_nothing_changes(folder, chip):
    with open_gallery(folder) as gallery, gallery.store.changes():
        gallery.store.execute("UPDATE photos SET chip = ? WHERE id = 3", (chip,))
    before = content(folder)
    with pytest.raises(BadRecord, match=r"photo 3 is damaged.* Remove Person_02"):
        reembed_gallery(folder, DoubleEmbedder())
    assert content(folder) == before


def test_chip_with_one_flipped_bit_is_named_and_nothing_changes(folder):
    with open_gallery(folder) as gallery, gallery.store.changes():
        ((chip,),) = gallery.store.read("SELECT chip FROM photos WHERE id = 3")
        # In a table of the file's beginning: it still decodes.
        chip = chip[:30] + bytes([chip[30] ^ 1]) + chip[31:]
        gallery.store.execute("UPDATE photos SET chip = ? WHERE id = 3", (chip,))
    before = content(folder)
    with pytest.raises(BadRecord, match=r"photo 3 is damaged \(its checksum differs"):
        reembed_gallery(folder, DoubleEmbedder())
    assert content(folder) == before


def test_embedding_with_a_flipped_bit_is_repaired_from_its_chip(folder):
    wanted = content(folder)[2]
    with open_gallery(folder) as gallery, gallery.store.changes():
        statement = "UPDATE embeddings SET vector = ? WHERE photo_id = 2"
        gallery.store.execute(statement, (bytes(12),))
    with open_gallery(folder) as gallery, pytest.raises(BadRecord, match="rebuild"):
        gallery.templates()
    reembed_gallery(folder, ColourEmbedder())
    assert content(folder)[2] == wanted


def test_embedding_that_is_not_finite_changes_nothing(folder):
    class Broken(DoubleEmbedder):
        def embed(self, chips):
            return super().embed(chips) * np.nan

    before = content(folder)
    with pytest.raises(BadRecord, match=r"photo 1 of Person_01.* not finite"):
        reembed_gallery(folder, Broken())
    assert content(folder) == before


def test_failure_while_replacing_changes_nothing(folder, monkeypatch):
    def full(*_):
        raise OSError("disk full")

    before = content(folder)
    monkeypatch.setattr(GalleryStore, "record", full)
    with pytest.raises(OSError, match="disk full"):
        reembed_gallery(folder, DoubleEmbedder())
    assert content(folder) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from index.enrollment import reembed as reembed_stage
from index.gallery.storage.store import GalleryStore
from tests.fakes.chip_galleries import DoubleEmbedder

owner, place = {"replace": (GalleryStore, "record"),
                "sweep": (reembed_stage, "drop_snapshots")}[sys.argv[2]]
setattr(owner, place, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
reembed_stage.reembed_gallery(Path(sys.argv[1]), DoubleEmbedder())
"""


@pytest.mark.parametrize("moment", ["replace", "sweep"])
def test_killed_process_leaves_the_old_gallery_or_the_new(folder, moment):
    with open_gallery(folder) as gallery:
        build_snapshot(gallery)
    before = content(folder)
    paths = os.pathsep.join([str(Path(__file__).parents[3]), *filter(None, sys.path)])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), moment],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    if moment == "replace":
        assert content(folder) == before
        return
    with open_or_create_gallery(folder, DoubleEmbedder()) as gallery:
        # The old search files are still there, and no search opens them.
        assert len(snapshot_folders(folder)) == 1
        found = open_search(gallery, "annoy").nearest(np.zeros(4, np.float32), 1)
        assert found[0].distance == pytest.approx(np.sqrt(1 + 3 * (20 / 255) ** 2))


def test_people_who_come_and_go_meanwhile(folder):
    def meanwhile():
        with open_gallery(folder) as gallery:
            # The new photos get the numbers of the removed ones.
            erase_people(gallery.store, ["Person_02"])
            rows = named_faces("Person_03", "Person_03", "Person_04", grey=200)
            enroll_faces(gallery, ColourEmbedder(), rows)
            assert gallery.store.read("SELECT MIN(id) FROM photos") == [(1,)]
            assert gallery.store.read("SELECT MAX(id) FROM photos") == [(4,)]

    embedder = DoubleEmbedder(meanwhile)
    assert reembed_gallery(folder, embedder) == 4
    assert embedder.batches == [3, 1, 2]
    with open_gallery(folder) as gallery:
        matrix = gallery.templates().matrix
    wanted = np.array([20, 401, 404]) / 255
    np.testing.assert_allclose(matrix[:, 0], wanted, atol=1e-6)


def test_folder_that_nobody_may_sweep_is_only_a_notice(folder, monkeypatch, caplog):
    def refused(_):
        raise PermissionError("not yours")

    monkeypatch.setattr("index.enrollment.reembed.drop_snapshots", refused)
    assert reembed_gallery(folder, DoubleEmbedder()) == 3
    assert "could not be deleted" in caplog.text


def test_gallery_in_use_for_long_ends_in_one_line(folder, monkeypatch):
    monkeypatch.setattr("index.gallery.storage.database.BUSY_TIMEOUT_S", 0.05)
    with (
        open_gallery(folder) as writer,
        writer.store.changes(),
        pytest.raises(ToolkitError, match=r"cannot be used \(database is locked"),
    ):
        reembed_gallery(folder, DoubleEmbedder())
