"""Derived files are never trusted blindly, and never needed."""

import logging
import sys

import numpy as np
import pytest

from index.engines.annoy_index import (
    KEPT,
    drop_snapshots,
    read_snapshot,
    snapshot_folders,
    write_snapshot,
)
from index.engines.neighbours import Neighbour
from index.gallery.erasure import erase_people
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.search import open_search as search_module
from index.search.open_search import build_snapshot, newest_snapshot, open_search
from masking.errors import BadRecord, MissingInput, ToolkitError
from masking.files.writing import folder_locked
from tests.fakes.galleries import FakeEmbedder, photo

FILES = ["trees.ann", "matrix.npy", "people.npy", "masked.npy"]


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as opened:
        rows = np.random.default_rng(0).normal(size=(50, 4))
        opened.add([photo(f"Person_{i:03d}", row) for i, row in enumerate(rows)])
        yield opened


def nearest(gallery):
    return open_search(gallery).nearest(gallery.templates().matrix[6], 1)


def test_few_changes_keep_the_snapshot_and_many_make_a_new_one(gallery):
    open_search(gallery)
    (first,) = snapshot_folders(gallery.folder)
    gallery.rename("Person_000", "Person_999")
    gallery.add([photo("New", [9, 9, 9, 9])])
    found = open_search(gallery).nearest(np.full(4, 9, np.float32), 1)
    assert found == [Neighbour(51, 0.0)]
    assert snapshot_folders(gallery.folder) == [first]
    gallery.add([photo(f"More_{i}", [9, 9, 9, i]) for i in range(20)])
    open_search(gallery)
    assert snapshot_folders(gallery.folder)[0] != first
    assert len(newest_snapshot(gallery).templates.person_ids) == 71


def test_only_the_newest_snapshots_are_kept(gallery):
    for number in range(4):
        gallery.add([photo(f"New_{number}", [9, 9, 9, number])])
        newest = build_snapshot(gallery)
        assert newest_snapshot(gallery).folder == newest.folder
    assert len(snapshot_folders(gallery.folder)) == KEPT


def test_same_gallery_gives_the_same_files(gallery):
    one, two = (build_snapshot(gallery).folder for _ in range(2))
    assert one != two
    for name in FILES:
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_damaged_snapshot_is_rebuilt_with_a_notice(gallery, name, caplog):
    path = build_snapshot(gallery).folder / name
    data = bytearray(path.read_bytes())
    # The last number: a damaged header is noticed without a hash.
    data[-1] ^= 0xFF
    path.write_bytes(bytes(data))
    with caplog.at_level(logging.WARNING):
        assert nearest(gallery) == [Neighbour(7, 0.0)]
    assert "built again" in caplog.text
    assert newest_snapshot(gallery).trees.get_n_items() == 50


@pytest.mark.parametrize("damage", ["truncate", "delete", "no manifest", "bad json"])
@pytest.mark.parametrize("name", ["trees.ann", "matrix.npy"])
def test_incomplete_snapshot_is_rebuilt(gallery, damage, name):
    folder = build_snapshot(gallery).folder
    path, manifest = folder / name, folder / "manifest.json"
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "delete":
        path.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text("[1]")
    assert nearest(gallery) == [Neighbour(7, 0.0)]
    assert newest_snapshot(gallery).folder != folder


def test_snapshot_of_another_gallery_or_model_is_refused(gallery):
    folder = build_snapshot(gallery).folder
    for gallery_id, fingerprint in (("another", "a" * 64), (gallery.gallery_id, "b")):
        with pytest.raises(BadRecord, match="another state"):
            read_snapshot(folder, gallery_id, fingerprint)


def test_snapshot_of_the_future_is_passed_over(gallery):
    folder = build_snapshot(gallery).folder
    assert newest_snapshot(gallery).folder == folder
    folder.rename(folder.with_name("000000000099-x"))
    assert newest_snapshot(gallery) is None


def test_snapshot_made_during_a_removal_is_not_kept(gallery, monkeypatch):
    stale = gallery.templates()
    erase_people(gallery.store, ["Person_005"])
    answers = [stale, gallery.templates()]
    monkeypatch.setattr(gallery, "templates", lambda: answers.pop(0))
    snapshot = build_snapshot(gallery)
    assert 6 not in snapshot.templates.person_ids
    assert snapshot_folders(gallery.folder) == [snapshot.folder]


def test_removal_that_sweeps_what_is_being_written_starts_it_again(
    gallery, monkeypatch
):
    write, swept = write_snapshot, []

    def sweep(folder, *rest):
        if not swept:
            swept.append(folder)
            erase_people(gallery.store, ["Person_005"])
            raise OSError("Unable to open: No such file or directory")
        return write(folder, *rest)

    monkeypatch.setattr(search_module, "write_snapshot", sweep)
    snapshot = build_snapshot(gallery)
    assert len(snapshot.templates.person_ids) == 49


def test_snapshot_that_is_swept_before_it_is_read_is_made_again(gallery, monkeypatch):
    read, swept = read_snapshot, []

    def sweep(folder, *rest):
        if not swept:
            swept.append(folder)
            drop_snapshots(gallery.folder)
        return read(folder, *rest)

    monkeypatch.setattr(search_module, "read_snapshot", sweep)
    snapshot = build_snapshot(gallery)
    assert len(swept) == 1
    assert snapshot.folder != swept[0]
    assert len(snapshot.templates.person_ids) == 50


def test_snapshot_that_is_damaged_when_it_is_read_is_refused(gallery, monkeypatch):
    write = write_snapshot

    def damage(*rest):
        folder = write(*rest)
        (folder / "matrix.npy").write_bytes(b"x")
        return folder

    monkeypatch.setattr(search_module, "write_snapshot", damage)
    with pytest.raises(BadRecord, match=r"matrix\.npy: damaged"):
        build_snapshot(gallery)


def test_disk_that_is_full_is_not_tried_again(gallery, monkeypatch):
    tried = []

    def full(*_):
        tried.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(search_module, "write_snapshot", full)
    with pytest.raises(OSError, match="No space left"):
        build_snapshot(gallery)
    assert tried == [1]


def test_search_works_where_files_cannot_be_written(gallery, caplog):
    (gallery.folder / "snapshots").write_text("in the way")
    assert nearest(gallery) == [Neighbour(7, 0.0)]
    assert "no search index can be kept" in caplog.text


def test_only_own_files_are_deleted_and_never_through_a_link(gallery, tmp_path):
    mine = build_snapshot(gallery).folder
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    home = gallery.folder / "snapshots"
    kept = [theirs / "matrix.npy", home / "notes" / "matrix.npy", mine / "notes.txt"]
    (home / "notes").mkdir()
    for path in kept:
        path.write_text("not yours")
    (home / "000000000001-link").symlink_to(theirs)
    (home / ".writing-killed").mkdir()
    (home / ".writing-killed" / "people.npy").write_text("half")
    drop_snapshots(gallery.folder)
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    assert not (home / ".writing-killed").exists()
    assert all(path.read_text() == "not yours" for path in kept)


def test_half_written_ones_go_when_a_gallery_is_opened_and_nobody_writes(gallery):
    home = build_snapshot(gallery).folder.parent
    half = home / ".writing-killed" / "matrix.npy"
    half.parent.mkdir()
    half.write_bytes(b"half")
    with folder_locked(home, 0.0, shared=True):  # as whoever writes one holds it
        open_gallery(gallery.folder).close()
        assert half.exists()
    open_gallery(gallery.folder).close()
    assert not half.parent.exists()
    assert len(snapshot_folders(gallery.folder)) == 1


def test_one_that_a_removal_swept_while_it_was_written_is_written_again(
    gallery, monkeypatch
):
    write, calls = write_snapshot, []

    def swept_once(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise FileNotFoundError(2, "No such file or directory")
        return write(*arguments)

    monkeypatch.setattr(search_module, "write_snapshot", swept_once)
    assert build_snapshot(gallery).folder.is_dir()
    assert len(calls) == 2


def test_folder_that_is_a_link_is_neither_written_nor_swept(gallery, tmp_path, caplog):
    folder = build_snapshot(gallery).folder
    home = folder.parent
    home.rename(tmp_path / "elsewhere")
    home.symlink_to(tmp_path / "elsewhere")
    assert newest_snapshot(gallery) is None
    with pytest.raises(OSError, match="is a link: delete it"):
        drop_snapshots(gallery.folder)
    assert nearest(gallery) == [Neighbour(7, 0.0)]
    assert "is a link" in caplog.text
    assert (tmp_path / "elsewhere" / folder.name / "matrix.npy").is_file()
    with pytest.raises(ToolkitError, match=r"a file still holds them .*is a link"):
        erase_people(gallery.store, ["Person_005"])


@pytest.fixture
def without_annoy(monkeypatch):
    """As where it was not compiled."""
    monkeypatch.setitem(sys.modules, "annoy", None)


@pytest.mark.parametrize("had_files", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_without_annoy_exact_search_serves_and_says_so(
    gallery, had_files, large, request, monkeypatch, caplog
):
    if had_files:
        build_snapshot(gallery)
    if large:
        monkeypatch.setattr("index.search.open_search.LARGE", 10)
    expected = nearest(gallery)
    assert expected[0].distance == 0
    request.getfixturevalue("without_annoy")
    caplog.clear()
    assert nearest(gallery) == expected
    told = "\n".join(caplog.messages)
    assert ("one by one" if large else "pip install annoy") in told
    assert "Traceback" not in told


def test_whoever_asks_for_the_index_alone_is_told_what_is_missing(
    gallery, without_annoy
):
    with pytest.raises(MissingInput, match=r"Annoy cannot be loaded .*C\+\+ compiler"):
        build_snapshot(gallery)
