"""The contract of every engine: exact answers about the gallery as it is now."""

import logging
from pathlib import Path

import numpy as np
import pytest

from index.engines.annoy_index import AnnoySearch, snapshot_folders
from index.engines.neighbours import ExactSearch, Neighbour, vectors_and_offsets
from index.gallery.erasure import erase_people
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.identification.config import IdentifyConfig
from index.search import open_search as neighbour_search
from index.search.config import ENGINES
from index.search.open_search import (
    build_snapshot,
    open_search,
    refresh_snapshot,
    stale,
)
from masking.errors import BadRecord, InvalidConfig, MissingInput
from tests.fakes.galleries import FakeEmbedder, photo
from training.metrics.score_normalization import Cohort, distances, squared_distances

PEOPLE = 200


def filled(folder, cohort=None):
    opened = open_or_create_gallery(folder, FakeEmbedder(cohort=cohort))
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(PEOPLE, 4))
    opened.add([photo(f"Person_{i:03d}", row) for i, row in enumerate(rows)])
    return opened


@pytest.fixture
def gallery(tmp_path):
    with filled(tmp_path / "gallery") as opened:
        yield opened


def searched(gallery, engine, tmp_path):
    uri = ""
    if engine == "milvus":
        pytest.importorskip("pymilvus")
        pytest.importorskip("milvus_lite")
        uri = str(tmp_path / "templates.db")
    return open_search(gallery, engine, uri)


@pytest.fixture(params=ENGINES)
def search(request, gallery, tmp_path):
    with searched(gallery, request.param, tmp_path) as opened:
        yield opened


def ids(found):
    return [neighbour.person_id for neighbour in found]


COHORT = Cohort.of(np.random.default_rng(7).normal(size=(50, 4)), 1.0)


@pytest.mark.parametrize("cohort", [None, COHORT])
@pytest.mark.parametrize("engine", ENGINES)
def test_agrees_with_plain_numpy(tmp_path, engine, cohort, caplog):
    rng = np.random.default_rng(1)
    with (
        filled(tmp_path / "gallery", cohort) as gallery,
        searched(gallery, engine, tmp_path) as search,
    ):
        # A few who are in no base yet, and one who is no longer.
        new = rng.normal(size=(5, 4))
        gallery.add([photo(f"New_{i}", row) for i, row in enumerate(new)])
        erase_people(gallery.store, ["Person_007"])
        templates, below = gallery.templates(), 0
        for query in rng.normal(size=(20, 4)).astype(np.float32):
            vectors, _ = vectors_and_offsets(templates.matrix, cohort)
            (away,) = squared_distances(query[None], vectors, cohort)
            wanted = np.lexsort((templates.person_ids, away))[:5]
            found = search.nearest(query, 5)
            squares = [one.square for one in found]
            np.testing.assert_allclose(squares, away[wanted], atol=1e-4)
            # Nobody is tied, not even those who are nearer than nothing.
            assert ids(found) == templates.person_ids[wanted].tolist()
            below += int((away[wanted] < 0).sum())
    assert (below > 5) == (cohort is not None)
    assert not caplog.records


def test_a_cohort_is_kept_with_the_gallery(tmp_path):
    filled(tmp_path / "gallery", COHORT).close()
    with open_gallery(tmp_path / "gallery") as gallery:
        np.testing.assert_array_equal(gallery.cohort.members, COHORT.members)
        gallery.export(tmp_path / "out.npz")
        with np.load(tmp_path / "out.npz") as arrays:
            np.testing.assert_array_equal(arrays["cohort"], COHORT.members)
        query = np.array([1, 0, 0, 0], np.float32)
        vectors, _ = vectors_and_offsets(gallery.templates().matrix, COHORT)
        (away,) = distances(query[None], vectors, COHORT)
        assert gallery.nearest_photo(3, query).distance == pytest.approx(away[2])
        with gallery.store.changes():
            gallery.store.set_meta("cohort", "no numbers")
    with pytest.raises(BadRecord, match=r"cohort is damaged.*gallery rebuild"):
        open_gallery(tmp_path / "gallery")
    held = [link.resolve() for link in Path("/proc/self/fd").glob("*")]
    assert not [path for path in held if path.is_relative_to(tmp_path / "gallery")]


def test_more_people_than_there_are(gallery, search):
    assert len(search.nearest(np.zeros(4, np.float32), 10 * PEOPLE)) == PEOPLE


def test_person_with_two_templates_is_listed_twice_and_counted_once(gallery, search):
    far = [50, 0, 0, 0]
    gallery.add(
        [
            photo("Both", far),
            photo("Both", [50, 3, 0, 0], masked=True),
            photo("Other", [50, 1, 0, 0]),
            photo("Only masked", [50, 0, 2, 0], masked=True),
        ]
    )
    query = np.array(far, dtype=np.float32)
    both, other, masked = (PEOPLE + i for i in (1, 2, 3))
    wanted = [
        Neighbour(both, 0.0, False),
        Neighbour(other, 1.0, False),
        Neighbour(masked, 4.0, True),
        Neighbour(both, 9.0, True),
    ]
    assert search.nearest(query, 3) == wanted
    assert search.nearest(query, 1) == [wanted[0], wanted[3]]


def test_of_two_at_the_same_distance_the_one_enrolled_earlier_comes_first(
    gallery, search
):
    gallery.add([photo("Late", [60, 0, 0, 0]), photo("Later", [62, 0, 0, 0])])
    found = search.nearest(np.array([61, 0, 0, 0], dtype=np.float32), 2)
    assert found == [Neighbour(PEOPLE + 1, 1.0), Neighbour(PEOPLE + 2, 1.0)]


def test_changes_of_another_process_are_seen_at_once(gallery, search):
    place = np.array([70, 0, 0, 0], dtype=np.float32)
    with open_gallery(gallery.folder) as other:
        other.add([photo("New", place)])
        assert search.nearest(place, 1) == [Neighbour(PEOPLE + 1, 0.0)]
        # The mean moves away: the old template must not answer any more.
        other.add([photo("New", [74, 0, 0, 0])])
        assert search.nearest(place, 1) == [Neighbour(PEOPLE + 1, 4.0)]
        other.add([photo("Person_007", [-1000, 0, 0, 0])])
        assert 8 not in ids(search.nearest(np.zeros(4, np.float32), PEOPLE))
        other.rename("New", "Renamed")
        assert search.nearest(place, 1) == [Neighbour(PEOPLE + 1, 4.0)]
        erase_people(other.store, ["Renamed"])
        assert PEOPLE + 1 not in ids(search.nearest(place, 10 * PEOPLE))
        other.add([photo("Newest", [70, 1, 0, 0])])
        assert search.nearest(place, 1) == [Neighbour(PEOPLE + 2, 1.0)]


def test_many_changes_get_a_new_base(gallery, search):
    version = search._base.version
    rows = [[80 + i, 0, 0, 0] for i in range(PEOPLE // 4)]
    for number, row in enumerate(rows):
        gallery.add([photo(f"New_{number}", row)])
        found = search.nearest(np.array(row, dtype=np.float32), 1)
        assert found == [Neighbour(PEOPLE + 1 + number, 0.0)]
    assert search._base.version > version + 10
    assert len(search._hidden) <= 17


def test_everybody_can_be_removed(gallery, search):
    for person in gallery.people()[: PEOPLE - 3]:
        # The statements without the rewriting of the file, which takes longer.
        with gallery.store.changes():
            version = gallery.store.count_change()
            gallery.store.execute(
                "DELETE FROM people WHERE id = ?", (person.person_id,)
            )
            gallery.store.execute(
                "INSERT INTO removed VALUES (?, ?)", (person.person_id, version)
            )
    found = search.nearest(np.zeros(4, np.float32), 5)
    assert sorted(ids(found)) == [PEOPLE - 2, PEOPLE - 1, PEOPLE]


@pytest.mark.parametrize("wrong", [np.full(4, np.nan), np.zeros(3)])
def test_query_that_is_no_embedding_is_refused(search, wrong):
    with pytest.raises(BadRecord, match="4 finite numbers"):
        search.nearest(wrong.astype(np.float32), 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_empty_gallery_says_what_to_do(tmp_path, engine):
    if engine == "milvus":
        pytest.importorskip("pymilvus")
    with (
        open_or_create_gallery(tmp_path, FakeEmbedder()) as empty,
        pytest.raises(MissingInput, match="nobody is enrolled"),
    ):
        open_search(empty, engine, str(tmp_path / "none.db"))


def test_unknown_engine(gallery):
    with pytest.raises(InvalidConfig, match="expected one of annoy, exact, milvus"):
        open_search(gallery, "fast")


def test_removal_by_this_process_hides_at_once(gallery, search, caplog):
    place = gallery.templates().matrix[30]
    assert search.nearest(place, 1) == [Neighbour(31, 0.0)]
    with caplog.at_level(logging.WARNING):
        erase_people(gallery.store, ["Person_030"])
        assert 31 not in ids(search.nearest(place, PEOPLE))
    assert not caplog.records, "removal is no damage"


@pytest.fixture
def large(gallery, monkeypatch):
    """A gallery of so many people that a search waits for no index."""
    monkeypatch.setattr(neighbour_search, "LARGE", 100)
    return gallery


@pytest.mark.parametrize("engine", ["annoy", "exact"])
def test_many_people_are_compared_one_by_one_until_somebody_builds(
    large, engine, caplog
):
    place = large.templates().matrix[30]
    search = open_search(large, engine)
    assert search.nearest(place, 1) == [Neighbour(31, 0.0)]
    assert snapshot_folders(large.folder) == []
    assert "200 of 200 people are not in the search index" in caplog.text
    assert "gallery rebuild" in caplog.text
    # Another process builds; the search that is open takes it at the next change.
    version = build_snapshot(large).templates.version
    large.add([photo("New", [70, 0, 0, 0])])
    found = search.nearest(np.array([70, 0, 0, 0], np.float32), 1)
    assert found == [Neighbour(PEOPLE + 1, 0.0)]
    assert (search._base.version, search.changed) == (version, 1)
    assert search.nearest(place, 1) == [Neighbour(31, 0.0)]


def test_old_index_of_many_people_serves_with_what_changed_since(large, caplog):
    (folder,) = [build_snapshot(large).folder]
    large.add([photo(f"Few_{i}", [60 + i, 0, 0, 0]) for i in range(5)])
    search = open_search(large)
    assert (search.changed, caplog.text) == (5, "")
    large.add([photo(f"More_{i}", [80 + i, 0, 0, 0]) for i in range(20)])
    for query, person in ((63, PEOPLE + 4), (99, PEOPLE + 25)):
        found = search.nearest(np.array([query, 0, 0, 0], np.float32), 1)
        assert found == [Neighbour(person, 0.0)]
    assert open_search(large).changed == 25
    assert "25 of 225 people are not in the search index" in caplog.text
    assert snapshot_folders(large.folder) == [folder]


def test_index_is_made_again_when_a_twentieth_changed(gallery):
    first = refresh_snapshot(gallery)
    gallery.add([photo(f"New_{i}", [60 + i, 0, 0, 0]) for i in range(16)])
    assert refresh_snapshot(gallery).folder == first.folder
    gallery.add([photo("One more", [80, 0, 0, 0])])
    assert refresh_snapshot(gallery).templates.version == gallery.version


def test_annoy_serves_unless_another_engine_is_asked_for(gallery):
    assert IdentifyConfig().engine == "annoy"
    assert isinstance(open_search(gallery)._base.search, AnnoySearch)
    assert isinstance(open_search(gallery, "exact")._base.search, ExactSearch)


def test_changes_count_in_people_not_in_templates():
    # A twentieth of 1,000 people, however many templates each of them has.
    assert not stale(50, 1000)
    assert stale(51, 1000)
    # So few are compared at once, whatever their fraction.
    assert not stale(16, 20)
    assert stale(17, 20)
