"""Search answers are exact, and derived files are never trusted blindly."""

import logging

import numpy as np
import pytest
from test_gallery import FakeEmbedder, photo

from index.gallery import open_or_create_gallery
from index.generation import KEPT, generation_folders, read_generation
from index.neighbour_search import (
    SEARCHERS,
    AnnoySearch,
    CheckedSearch,
    ExactSearch,
    Neighbour,
    current_generation,
    open_search,
)
from index.templates import Templates
from masking.errors import BadRecord, MissingInput


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as opened:
        rng = np.random.default_rng(0)
        opened.add(
            [
                photo(f"Person_{i:03d}", row)
                for i, row in enumerate(rng.normal(size=(200, 4)))
            ]
        )
        yield opened


def templates_of(rows, person_ids):
    matrix = np.array(rows, dtype=np.float32)
    return Templates("g", 1, np.array(person_ids, dtype=np.int64), matrix)


def test_exact_distances_by_hand():
    search = ExactSearch(templates_of([[0, 0], [3, 4], [0, 1]], [7, 8, 9]))
    found = search.nearest(np.zeros(2, dtype=np.float32), 2)
    assert found == [Neighbour(7, 0.0), Neighbour(9, 1.0)]


def test_tie_goes_to_the_person_enrolled_earlier():
    search = ExactSearch(templates_of([[1, 0], [0, 1], [-1, 0]], [1, 2, 3]))
    found = search.nearest(np.zeros(2, dtype=np.float32), 9)
    assert [neighbour.person_id for neighbour in found] == [1, 2, 3]


@pytest.mark.parametrize("engine", sorted(SEARCHERS))
def test_engines_agree_with_plain_numpy(gallery, engine, caplog):
    search = open_search(gallery, engine)
    templates = gallery.templates()
    for query in np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32):
        distances = np.linalg.norm(templates.matrix - query, axis=1)
        wanted = templates.person_ids[np.argsort(distances)[:5]]
        found = search.nearest(query, 5)
        assert [neighbour.person_id for neighbour in found] == wanted.tolist()
    assert not caplog.records


def test_annoy_shortlist_is_ordered_by_exact_distance(gallery):
    generation = current_generation(gallery)
    query = np.zeros(4, dtype=np.float32)
    found = AnnoySearch(generation).nearest(query, 5)
    assert found == ExactSearch(generation.templates).nearest(query, 5)


def test_exact_answer_wins_over_a_wrong_one(caplog):
    class Wrong:
        def nearest(self, query, k):
            return [Neighbour(2, 0.5)]

    exact = ExactSearch(templates_of([[0, 0], [1, 1]], [1, 2]))
    found = CheckedSearch(Wrong(), exact).nearest(np.zeros(2, dtype=np.float32), 1)
    assert found == [Neighbour(1, 0.0)]
    assert "is not the exact one" in caplog.text


def test_generation_is_kept_until_the_gallery_changes(gallery):
    first = current_generation(gallery).annoy_file
    gallery.rename("Person_000", "Person_999")
    assert current_generation(gallery).annoy_file == first
    gallery.add([photo("Person_998", [9, 9, 9, 9])])
    second = current_generation(gallery)
    assert second.annoy_file != first
    assert len(second.templates.matrix) == 201


def test_only_the_newest_generations_are_kept(gallery):
    for number in range(4):
        gallery.add([photo(f"New_{number}", [9, 9, 9, number])])
        current_generation(gallery)
    assert len(generation_folders(gallery.folder)) == KEPT


def test_same_gallery_gives_the_same_index(gallery):
    first = current_generation(gallery).annoy_file
    data = first.read_bytes()
    first.unlink()
    assert current_generation(gallery).annoy_file.read_bytes() == data


@pytest.mark.parametrize("name", ["annoy.ann", "matrix.npy", "people.npy"])
def test_damaged_generation_is_rebuilt_with_a_notice(gallery, name, caplog):
    folder = current_generation(gallery).annoy_file.parent
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with caplog.at_level(logging.WARNING):
        found = open_search(gallery, "annoy").nearest(gallery.templates().matrix[6], 1)
    assert found == [Neighbour(7, 0.0)]
    assert "built again" in caplog.text


@pytest.mark.parametrize("damage", ["truncate", "delete", "no manifest", "bad json"])
def test_incomplete_generation_is_rebuilt(gallery, damage):
    generation = current_generation(gallery)
    manifest = generation.annoy_file.with_name("manifest.json")
    if damage == "truncate":
        generation.annoy_file.write_bytes(generation.annoy_file.read_bytes()[:100])
    elif damage == "delete":
        generation.annoy_file.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text("[1]")
    assert open_search(gallery, "annoy").nearest(np.zeros(4, dtype=np.float32), 1)


def test_generation_of_another_gallery_is_refused(gallery):
    folder = current_generation(gallery).annoy_file.parent
    with pytest.raises(BadRecord, match="another state"):
        read_generation(folder, "another", gallery.version)


def test_generation_made_during_a_removal_is_not_kept(gallery, monkeypatch):
    stale = gallery.templates()
    gallery.remove("Person_005")
    fresh = gallery.templates()
    answers = [stale, fresh]
    monkeypatch.setattr(gallery, "templates", lambda: answers.pop(0))
    found = open_search(gallery, "exact").nearest(stale.matrix[5], 1)
    assert found[0].distance > 0
    assert len(generation_folders(gallery.folder)) == 1


def test_search_works_where_files_cannot_be_written(gallery, caplog):
    (gallery.folder / "generations").write_text("in the way")
    found = open_search(gallery, "annoy").nearest(gallery.templates().matrix[6], 1)
    assert found == [Neighbour(7, 0.0)]
    assert "without search files" in caplog.text


def test_empty_gallery_says_what_to_do(tmp_path):
    with (
        open_or_create_gallery(tmp_path, FakeEmbedder()) as empty,
        pytest.raises(MissingInput, match="nobody is enrolled"),
    ):
        open_search(empty, "annoy")


def test_query_that_is_not_finite_is_refused(gallery):
    for engine in SEARCHERS:
        with pytest.raises(BadRecord, match="finite"):
            open_search(gallery, engine).nearest(np.full(4, np.nan, np.float32), 1)
