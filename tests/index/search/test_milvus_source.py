"""What is special about Milvus: a copy outside, which erasure has to reach."""

import importlib.util
import logging
from pathlib import Path

import numpy as np
import pytest

from index.engines import milvus as milvus_collection
from index.engines.milvus import Collection, checked_uri, drop_collections
from index.engines.neighbours import Neighbour
from index.enrollment.reembed import reembed_gallery
from index.gallery.erasure import erase_people
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.search.open_search import open_search
from masking.errors import InvalidConfig, MissingInput, ToolkitError
from tests.fakes.chip_galleries import DoubleEmbedder, filled
from tests.fakes.galleries import FakeEmbedder, photo


@pytest.fixture
def gallery(tmp_path):
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as opened:
        rows = np.random.default_rng(0).normal(size=(30, 4))
        opened.add([photo(f"Person_{i:02d}", row) for i, row in enumerate(rows)])
        yield opened


def nearest(gallery, uri, query, k=1):
    with open_search(gallery, "milvus", str(uri)) as search:
        return search.nearest(np.array(query, dtype=np.float32), k)


def all_bytes(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def test_collection_is_kept_and_brought_up_to_date(gallery, tmp_path):
    uri = tmp_path / "t.db"
    place = gallery.templates().matrix[6]
    assert nearest(gallery, uri, place) == [Neighbour(7, 0.0)]
    gallery.add([photo("Person_06", [9, 9, 9, 9])])
    gallery.add([photo(f"New_{i}", [50 + i, 0, 0, 0]) for i in range(20)])
    assert nearest(gallery, uri, [69, 0, 0, 0]) == [Neighbour(50, 0.0)]
    collection = Collection(str(uri), gallery.gallery_id, gallery.fingerprint, 4)
    assert collection.version() == gallery.version
    keys, _ = collection.get([2 * person_id for person_id in range(60)])
    assert len(keys) == 50
    collection.close()


def test_interrupted_update_is_repeated(gallery, tmp_path, monkeypatch):
    uri = tmp_path / "t.db"
    store = Collection._store
    calls = []

    def dies(self, rows, version):
        calls.append(version)
        if len(calls) == 2:
            raise KeyboardInterrupt
        store(self, rows, version)

    monkeypatch.setattr(milvus_collection, "_ROWS_AT_ONCE", 20)
    monkeypatch.setattr(Collection, "_store", dies)
    with pytest.raises(KeyboardInterrupt):
        nearest(gallery, uri, [0, 0, 0, 0])
    found = nearest(gallery, uri, [0, 0, 0, 0], k=30)
    assert sorted(neighbour.person_id for neighbour in found) == list(range(1, 31))


def test_erasure_reaches_the_copy(gallery, tmp_path):
    uri = tmp_path / "t.db"
    place = gallery.templates().matrix[6]
    nearest(gallery, uri, place)
    assert place.tobytes() in all_bytes(uri)
    erase_people(gallery.store, ["Person_06"])
    assert place.tobytes() not in all_bytes(uri)
    assert nearest(gallery, uri, place)[0].person_id != 7


def test_copy_that_cannot_be_reached_is_erased_later(gallery, tmp_path, caplog):
    uri = tmp_path / "t.db"
    nearest(gallery, uri, [0, 0, 0, 0])
    # Another process has it open.
    held = _locked(uri / "LOCK")
    with (
        caplog.at_level(logging.CRITICAL, "milvus_lite"),
        pytest.raises(ToolkitError, match=r"removed, but a copy remains.*t\.db"),
    ):
        erase_people(gallery.store, ["Person_06"])
    held.close()
    open_gallery(gallery.folder).close()
    collection = Collection(str(uri), gallery.gallery_id, gallery.fingerprint, 4)
    assert collection.version() == -1
    collection.close()


def _locked(path):
    import fcntl

    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def test_another_embedder_drops_the_old_collection(tmp_path):
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")
    folder = filled(tmp_path / "gallery", "Person_01", "Person_02")
    uri = tmp_path / "t.db"
    with open_gallery(folder) as gallery:
        nearest(gallery, uri, [0, 0, 0])
        old = gallery.fingerprint
    reembed_gallery(folder, DoubleEmbedder())
    with open_gallery(folder) as gallery:
        assert len(nearest(gallery, uri, [0, 0, 0, 0], k=9)) == 2
        collection = Collection(str(uri), gallery.gallery_id, old, 3)
        assert collection.version() == -1
        collection.close()


def test_dropping_what_is_gone(tmp_path):
    drop_collections(str(tmp_path / "none.db"), "0" * 32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", ["", "localhost", "http://user:pw@host:19530", "a.txt"])
def test_uri_that_cannot_be_used(uri):
    with pytest.raises(InvalidConfig, match=r"FILE|NAME"):
        checked_uri(uri)


def test_uris_are_recorded_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checked_uri("t.db") == str(tmp_path / "t.db")
    assert checked_uri("http://host:19530") == "http://host:19530"


def test_missing_package_names_the_extra(gallery, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingInput, match=r"pip install '.\[milvus\]'"):
        open_search(gallery, "milvus", "t.db")
