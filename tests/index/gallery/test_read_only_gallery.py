"""A gallery that cannot be written can be read: on a read-only disk, for a guest."""

import os
import shutil

import numpy as np
import pytest

from index.gallery.erasure import erase_people
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.search import open_search as search_module
from index.search.open_search import open_search
from index.search.verify import verify_gallery
from masking.errors import ToolkitError
from masking.faces.finder import AlignedFace
from tests.fakes.galleries import FakeEmbedder
from training.embedders.embedded_face import EmbeddedFace


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "read me? 100%" / "gallery"
    with open_or_create_gallery(folder, FakeEmbedder()) as gallery:
        gallery.add([photo(number) for number in range(1, 4)])
    return folder


def photo(number):
    chip = np.zeros((16, 16, 3), np.uint8)
    vector = np.array([number, 0, 0, 0], np.float32)
    face = AlignedFace("photo.jpg", f"sha {number}", crops=(chip,))
    return f"Person_{number}", EmbeddedFace(face, vector)


@pytest.fixture
def locked(folder, monkeypatch):
    """No writing below the folder; root, whom no mode keeps out, is told so."""
    real = os.access

    def access(path, mode, **options):
        inside = str(path).startswith(str(folder))
        return real(path, mode, **options) and not (inside and mode & os.W_OK)

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "access", access)
    monkeypatch.setattr(search_module, "write_snapshot", refused)
    return folder


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_can_be_read_and_no_file_is_made(locked, tmp_path, caplog):
    before = content(locked)
    with open_gallery(locked) as gallery:
        assert content(locked) == before, "while it is open, too"
        assert [person.name for person in gallery.people()] == [
            "Person_1",
            "Person_2",
            "Person_3",
        ]
        assert gallery.photos("Person_2")[0].source == "photo.jpg"
        assert gallery.export(tmp_path / "all.npz") == 3
        search = open_search(gallery, "exact")
        (found,) = search.nearest(np.array([2, 0, 0, 0], np.float32), 1)
        assert (found.person_id, found.distance) == (2, 0)
    assert "no search index can be kept" in caplog.text
    report = verify_gallery(locked)
    assert report.sound and (report.people, report.search) == (3, None)
    assert content(locked) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda gallery: gallery.add([photo(4)]),
        lambda gallery: gallery.rename("Person_1", "Person_9"),
        lambda gallery: erase_people(gallery.store, ["Person_1"]),
    ],
)
def test_changes_are_refused_in_one_sentence(locked, change):
    before = content(locked)
    with (
        open_gallery(locked) as gallery,
        pytest.raises(ToolkitError, match=r"readonly.*its folder is writable"),
    ):
        change(gallery)
    assert content(locked) == before


def test_changes_that_are_in_the_log_alone_are_read(folder, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    with open_gallery(folder) as gallery:
        gallery.rename("Person_1", "Person_9")
        # As a killed process leaves it.
        shutil.copytree(folder, copy)
    assert (copy / "gallery.sqlite-wal").stat().st_size > 0
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: mode != os.W_OK and real(path, mode)
    )
    with open_gallery(copy) as gallery:
        assert "Person_9" in {person.name for person in gallery.people()}


def test_removal_is_not_finished_where_nothing_can_be_written(locked, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: True)
        with open_gallery(locked) as gallery, gallery.store.changes():
            gallery.store.set_meta("erasure_pending", "{}")
    with open_gallery(locked) as gallery:
        assert gallery.size == 3
