"""Search files of many people are made by another process, one at a time."""

import stat

import numpy as np
import pytest
from test_gallery import FakeEmbedder, photo

from index import background_build, file_source
from index.annoy_search import AnnoySearch
from index.exact_search import ExactSearch
from index.gallery import open_or_create_gallery
from index.generation import generation_folders
from index.generation_building import newest_generation
from index.neighbour_search import open_search
from index.neighbours import Neighbour

PEOPLE = 120


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    monkeypatch.setattr(file_source, "LARGE", 100)
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as opened:
        rows = np.random.default_rng(0).normal(size=(PEOPLE, 4))
        opened.add([photo(f"Person_{i:03d}", row) for i, row in enumerate(rows)])
        yield opened


def add_people(gallery, count, place):
    rows = [photo(f"New_{place}_{i}", [place, i, 0, 0]) for i in range(count)]
    gallery.add(rows)
    return rows[-1].embedding, gallery.size


def test_search_goes_on_while_trees_are_made_and_then_uses_them(gallery):
    place = gallery.templates().matrix[6]
    with open_search(gallery, "annoy") as search:
        assert isinstance(search._base.search, ExactSearch)
        assert search.nearest(place, 1) == [Neighbour(7, 0.0)]
        assert background_build.wait(gallery.folder) == 0
        generation = newest_generation(gallery)
        assert generation.tuning.recall >= 0.999
        # Above 5% of changes the search looks for newer files, and finds them stale.
        query, person = add_people(gallery, 25, 50)
        assert search.nearest(query, 1) == [Neighbour(person, 0.0)]
        assert background_build.wait(gallery.folder) == 0
        query, person = add_people(gallery, 1, 60)
        assert search.nearest(query, 1) == [Neighbour(person, 0.0)]
        assert isinstance(search._base.search, AnnoySearch)
        assert len(search._hidden) == 1
    modes = {stat.S_IMODE(p.stat().st_mode) for p in gallery.folder.glob("building*")}
    assert modes == {0o600}


def test_open_search_has_no_newer_files_until_they_are_made(gallery, monkeypatch):
    started = []
    monkeypatch.setattr(background_build, "start", lambda *job: started.append(job))
    with open_search(gallery, "exact") as search:
        (folder,) = generation_folders(gallery.folder)
        query, person = add_people(gallery, 25, 50)
        assert search.nearest(query, 1) == [Neighbour(person, 0.0)]
        assert generation_folders(gallery.folder) == [folder]
    assert started == [(gallery.folder, False)]
    open_search(gallery, "exact")
    assert started == 2 * [(gallery.folder, False)]


def test_second_builder_leaves_at_once(gallery):
    with background_build._only_one(gallery.folder) as alone:
        assert alone
        assert background_build.build(gallery.folder, with_trees=True) is False
        assert generation_folders(gallery.folder) == []
    assert background_build.build(gallery.folder, with_trees=True) is True
    assert len(generation_folders(gallery.folder)) == 1


def test_builder_that_fails_is_not_started_again_and_leaves_its_reason(tmp_path):
    background_build.start(tmp_path, with_trees=False)
    first = background_build._started[tmp_path.resolve()]
    assert first.wait() != 0
    background_build.start(tmp_path, with_trees=False)
    assert background_build._started[tmp_path.resolve()] is first
    assert "no gallery yet" in (tmp_path / background_build.LOG_FILE).read_text()
    background_build.wait(tmp_path)


def test_folder_that_cannot_be_written_is_a_notice(tmp_path, caplog):
    background_build.start(tmp_path / "none", with_trees=False)
    assert "cannot be built" in caplog.text
