"""Derived files are never trusted blindly, and never needed."""

import logging

import numpy as np
import pytest
from test_gallery import FakeEmbedder, photo

from index import generation_building
from index.gallery import open_or_create_gallery
from index.generation import KEPT, generation_folders, read_generation
from index.generation_building import build_generation, newest_generation
from index.neighbour_search import open_search
from index.neighbours import Neighbour
from masking.errors import BadRecord


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as opened:
        rows = np.random.default_rng(0).normal(size=(50, 4))
        opened.add([photo(f"Person_{i:03d}", row) for i, row in enumerate(rows)])
        yield opened


def nearest(gallery, engine="annoy"):
    return open_search(gallery, engine).nearest(gallery.templates().matrix[6], 1)


def test_few_changes_keep_the_generation_and_many_make_a_new_one(gallery):
    open_search(gallery, "annoy")
    (first,) = generation_folders(gallery.folder)
    gallery.rename("Person_000", "Person_999")
    gallery.add([photo("New", [9, 9, 9, 9])])
    found = open_search(gallery, "annoy").nearest(np.full(4, 9, np.float32), 1)
    assert found == [Neighbour(51, 0.0)]
    assert generation_folders(gallery.folder) == [first]
    gallery.add([photo(f"More_{i}", [9, 9, 9, i]) for i in range(20)])
    open_search(gallery, "annoy")
    assert generation_folders(gallery.folder)[0] != first
    assert len(newest_generation(gallery).templates.person_ids) == 71


def test_only_the_newest_generations_are_kept(gallery):
    for number in range(4):
        gallery.add([photo(f"New_{number}", [9, 9, 9, number])])
        newest = build_generation(gallery, with_trees=False)
        assert newest_generation(gallery).folder == newest.folder
    assert len(generation_folders(gallery.folder)) == KEPT


def test_same_gallery_gives_the_same_index(gallery):
    one, two = (build_generation(gallery, with_trees=True) for _ in range(2))
    assert one.folder != two.folder
    assert one.trees_sha256 == two.trees_sha256 != ""


@pytest.mark.parametrize("name", ["annoy.ann", "matrix.npy", "people.npy"])
def test_damaged_generation_is_rebuilt_with_a_notice(gallery, name, caplog):
    path = build_generation(gallery, with_trees=True).folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with caplog.at_level(logging.WARNING):
        assert nearest(gallery) == [Neighbour(7, 0.0)]
    assert "built again" in caplog.text
    assert newest_generation(gallery).open_trees().get_n_items() == 50


@pytest.mark.parametrize("damage", ["truncate", "delete", "no manifest", "bad json"])
@pytest.mark.parametrize("name", ["annoy.ann", "matrix.npy"])
def test_incomplete_generation_is_rebuilt(gallery, damage, name):
    folder = build_generation(gallery, with_trees=True).folder
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
    assert newest_generation(gallery).folder != folder


def test_generation_of_another_gallery_or_model_is_refused(gallery):
    folder = build_generation(gallery, with_trees=False).folder
    for gallery_id, fingerprint in (("another", "a" * 64), (gallery.gallery_id, "b")):
        with pytest.raises(BadRecord, match="another state"):
            read_generation(folder, gallery_id, fingerprint)


def test_generation_of_the_future_is_passed_over(gallery):
    folder = build_generation(gallery, with_trees=False).folder
    assert newest_generation(gallery).folder == folder
    folder.rename(folder.with_name("000000000099-x"))
    assert newest_generation(gallery) is None


def test_generation_made_during_a_removal_is_not_kept(gallery, monkeypatch):
    stale = gallery.templates()
    gallery.remove("Person_005")
    answers = [stale, gallery.templates()]
    monkeypatch.setattr(gallery, "templates", lambda: answers.pop(0))
    generation = build_generation(gallery, with_trees=False)
    assert 6 not in generation.templates.person_ids
    assert generation_folders(gallery.folder) == [generation.folder]


def test_removal_that_sweeps_what_is_being_written_starts_it_again(
    gallery, monkeypatch
):
    write, swept = generation_building.write_generation, []

    def sweep(folder, *rest):
        if not swept:
            swept.append(folder)
            gallery.remove("Person_005")
            raise OSError("Unable to open: No such file or directory")
        return write(folder, *rest)

    monkeypatch.setattr(generation_building, "write_generation", sweep)
    generation = build_generation(gallery, with_trees=False)
    assert len(generation.templates.person_ids) == 49


def test_disk_that_is_full_is_not_tried_again(gallery, monkeypatch):
    tried = []

    def full(*_):
        tried.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generation_building, "write_generation", full)
    with pytest.raises(OSError, match="No space left"):
        build_generation(gallery, with_trees=False)
    assert tried == [1]


def test_search_works_where_files_cannot_be_written(gallery, caplog):
    (gallery.folder / "generations").write_text("in the way")
    assert nearest(gallery) == [Neighbour(7, 0.0)]
    assert "without search files" in caplog.text
