"""The gallery keeps what it acknowledged, refuses what cannot be, and forgets."""

import getpass
import stat
from datetime import date

import numpy as np
import pytest

from index.gallery import erasure as gallery_erasure
from index.gallery.erasure import Erasure, erase_people
from index.gallery.gallery import Gallery, open_gallery, open_or_create_gallery
from index.gallery.people import stored_hashes
from index.gallery.storage.store import Terms
from index.search.open_search import build_snapshot, newest_snapshot, open_search
from masking.errors import (
    BadRecord,
    EmbedderMismatch,
    InvalidConfig,
    MissingInput,
    ToolkitError,
)
from tests.fakes.galleries import FakeEmbedder, all_bytes, photo


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as opened:
        yield opened


def test_template_is_the_mean_of_the_photos(gallery):
    gallery.add([photo("Person_01", [1, 0, 0, 0]), photo("Person_02", [5, 5, 5, 5])])
    gallery.add([photo("Person_01", [3, 2, 0, 0])])
    templates = gallery.templates()
    np.testing.assert_array_equal(templates.matrix, [[2, 1, 0, 0], [5, 5, 5, 5]])
    assert gallery.names(templates.person_ids.tolist()) == {
        1: "Person_01",
        2: "Person_02",
    }


def test_masked_photos_are_averaged_apart(gallery):
    gallery.add(
        [
            photo("Person_01", [1, 0, 0, 0]),
            photo("Person_01", [3, 0, 0, 0]),
            photo("Person_01", [8, 4, 0, 0], masked=True),
            photo("Person_02", [0, 0, 6, 0], masked=True),
            photo("Person_02", [0, 0, 8, 0], masked=True),
        ]
    )
    templates = gallery.templates()
    assert templates.person_ids.tolist() == [1, 1, 2]
    assert templates.masked.tolist() == [False, True, True]
    rows = [[2, 0, 0, 0], [8, 4, 0, 0], [0, 0, 7, 0]]
    np.testing.assert_array_equal(templates.matrix, rows)
    np.testing.assert_array_equal(gallery.templates("plain").matrix, rows[:1])
    np.testing.assert_array_equal(gallery.templates("masked").matrix, rows[1:])
    assert gallery.size == 2


def test_a_person_with_unmasked_photos_alone_has_a_template_for_masked_faces(gallery):
    gallery.add(
        [
            photo("Person_01", [1, 0, 0, 0], masked_reference=[0, 2, 0, 0]),
            photo("Person_01", [3, 0, 0, 0], masked_reference=[0, 6, 0, 0]),
            photo("Person_02", [9, 0, 0, 0]),
        ]
    )
    np.testing.assert_array_equal(gallery.person_template(1, False), [2, 0, 0, 0])
    np.testing.assert_array_equal(gallery.person_template(1, True), [0, 4, 0, 0])
    np.testing.assert_array_equal(gallery.templates("masked").matrix, [[0, 4, 0, 0]])
    templates = gallery.templates()
    assert templates.person_ids.tolist() == [1, 1, 2]
    assert templates.masked.tolist() == [False, True, False]
    with pytest.raises(MissingInput):
        gallery.person_template(2, True)


def test_masked_photos_and_references_are_averaged_together(gallery):
    gallery.add(
        [
            photo("Person_01", [8, 0, 0, 0], masked_reference=[0, 3, 0, 0]),
            photo("Person_01", [4, 0, 0, 0], masked_reference=[0, 6, 0, 0]),
            photo("Person_01", [0, 0, 9, 0], masked=True),
        ]
    )
    wanted = [[6, 0, 0, 0], [0, 3, 3, 0]]
    np.testing.assert_array_equal(gallery.templates().matrix, wanted)
    for masked in (False, True):
        found = gallery.person_template(1, masked)
        np.testing.assert_array_equal(found, wanted[masked])
    assert gallery.photo_counts([1]) == {(1, False): 2, (1, True): 3}


def test_changes_hold_both_templates(gallery):
    gallery.add([photo("Person_01", [1, 0, 0, 0], masked_reference=[2, 0, 0, 0])])
    before = gallery.version
    gallery.add([photo("Person_02", [5, 0, 0, 0], masked_reference=[6, 0, 0, 0])])
    fresh = gallery.changes_since(before).templates
    assert (fresh.person_ids.tolist(), fresh.masked.tolist()) == ([2, 2], [False, True])
    np.testing.assert_array_equal(fresh.matrix[:, 0], [5, 6])


def test_changes_since_a_version(gallery):
    gallery.add([photo(f"Person_{i}", [i, 0, 0, 0]) for i in range(1, 5)])
    before = gallery.version
    assert gallery.changes_since(before).templates.person_ids.size == 0
    gallery.add([photo("Person_2", [4, 0, 0, 0]), photo("Person_5", [9, 0, 0, 0])])
    erase_people(gallery.store, ["Person_3"])
    changes = gallery.changes_since(before)
    assert changes.templates.person_ids.tolist() == [2, 5]
    np.testing.assert_array_equal(changes.templates.matrix[:, 0], [3, 9])
    assert changes.removed.tolist() == [3]
    assert changes.templates.version == gallery.version == before + 2
    assert gallery.change_count(before) == 3


def test_few_changes_are_found_without_reading_everybody(gallery):
    gallery.add([photo(f"Person_{i}", [i, 0, 0, 0]) for i in range(1, 1001)])
    before = gallery.version
    gallery.add([photo("New", [0, 1, 0, 0])])
    steps = {}
    for version in (before, -1):
        steps[version] = 0

        def count(version=version):
            steps[version] += 1

        gallery.store._sqlite.set_progress_handler(count, 10)
        changes = gallery.changes_since(version)
        gallery.store._sqlite.set_progress_handler(None, 10)
        assert changes.templates.person_ids[-1] == 1001
    assert steps[before] < 100 < 1000 < steps[-1]


@pytest.mark.parametrize("day", ["20310131", "2031-W05-5", "soon", "2031-02-30"])
def test_what_is_no_day_is_refused_on_every_python(day):
    with pytest.raises(InvalidConfig, match="expected a day such as 2030-12-31"):
        Terms(retain_until=day)


def test_terms_are_kept_and_the_expired_are_named(gallery):
    gallery.add([photo("Person_01", [1, 0, 0, 0])], Terms("letter 7", "2030-01-31"))
    gallery.add([photo("Person_02", [2, 0, 0, 0])])
    # More photos say nothing new about consent.
    gallery.add([photo("Person_01", [1, 1, 0, 0])])
    (first, second) = gallery.people()
    assert (first.consent, first.retain_until) == ("letter 7", "2030-01-31")
    assert (second.consent, second.retain_until) == ("", "")
    assert gallery.expired(date(2030, 1, 31)) == []
    assert gallery.expired(date(2030, 2, 1)) == ["Person_01"]
    gallery.add([photo("Person_01", [1, 0, 0, 0])], Terms(retain_until="2031-1-31"))
    assert gallery.people()[0].retain_until == "2031-01-31"
    assert [e.action for e in gallery.audit()] == [
        "add",
        "terms",
        "add",
        "add",
        "terms",
    ]


@pytest.mark.parametrize("day", ["soon", "2030-02-30", "31.12.2030"])
def test_day_that_does_not_exist_is_refused(day):
    with pytest.raises(InvalidConfig, match="expected a day such as"):
        Terms(retain_until=day)


def test_same_photo_twice_is_stored_once(gallery):
    first = photo("Person_01", [1, 0, 0, 0], sha256="s")
    assert gallery.add([first, first]) == 1
    version = gallery.version
    assert gallery.add([first]) == 0
    assert gallery.version == version
    assert stored_hashes(gallery.store, "Person_01") == {"s"}
    assert stored_hashes(gallery.store, "Person_02") == frozenset()
    assert [person.photo_count for person in gallery.people()] == [1]


def test_people_survive_closing(tmp_path):
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as gallery:
        gallery.add([photo("Zoë 李 Ωmega", [1, 2, 3, 4])])
    with open_gallery(tmp_path) as again:
        assert [person.name for person in again.people()] == ["Zoë 李 Ωmega"]
        np.testing.assert_array_equal(again.templates().matrix, [[1, 2, 3, 4]])


def test_nearest_photo_is_the_nearest_of_that_person(gallery):
    far, near = photo("Person_01", [9, 0, 0, 0]), photo("Person_01", [1, 0, 0, 0])
    gallery.add([far, near, photo("Person_02", [0, 0, 0, 0])])
    found = gallery.nearest_photo(1, np.zeros(4, dtype=np.float32))
    assert found.distance == 1.0
    # JPEG keeps even noise close enough to tell the two chips apart.
    errors = [
        np.abs(found.chip.astype(int) - p.face.crop).mean() for _, p in (near, far)
    ]
    assert errors[0] < 20 < 60 < errors[1]


def test_the_nearest_photo_of_each_person_is_told_by_its_number(gallery):
    far, near = photo("Person_01", [9, 0, 0, 0]), photo("Person_01", [1, 0, 0, 0])
    gallery.add([far, photo("Person_02", [0, 0, 0, 0]), near])
    query = np.zeros(4, dtype=np.float32)
    # Person_02 is nearer than both photos of Person_01; nobody has the number 7.
    assert gallery.nearest_numbers([2, 7, 1], query) == (1, 0, 2)
    assert gallery.nearest_numbers([7], query) == (0,)
    assert gallery.nearest_numbers([], query) == ()


def test_files_are_private(gallery):
    gallery.add([photo("Person_01", [1, 0, 0, 0])])
    build_snapshot(gallery)
    files = [path for path in gallery.folder.rglob("*") if path.is_file()]
    assert len(files) >= 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(gallery.folder.stat().st_mode) == 0o700


def test_remove_leaves_no_bytes(gallery):
    people = [
        photo("Person_Kept", [1.5, 2.5, 3.5, 4.5]),
        photo(
            "Person_Gone",
            [7.123, 8.456, 9.789, 1.234],
            source="gone/Gone.jpg",
            masked_reference=[2.345, 6.543, 3.456, 5.432],
        ),
    ]
    gallery.add(people)
    build_snapshot(gallery)
    gone = people[1][1]
    vectors = [gone.embedding.tobytes(), gone.masked_reference.tobytes()]
    ((chip,),) = gallery.store.read("SELECT chip FROM photos WHERE person_id = 2")
    # A JPEG starts with tables that all of them share; its end is the face.
    traces = [b"Person_Gone", b"gone/Gone.jpg", *vectors, chip[-200:-100]]
    before = all_bytes(gallery.folder)
    assert all(trace in before for trace in traces)

    assert erase_people(gallery.store, ["Person_Gone"]) == Erasure(1, ())

    after = all_bytes(gallery.folder)
    assert not any(trace in after for trace in traces)
    assert b"Person_Kept" in after
    assert [person.name for person in gallery.people()] == ["Person_Kept"]
    assert newest_snapshot(gallery) is None
    assert open_search(gallery).nearest(gone.embedding, 9)[0].person_id == 1


def test_interrupted_erasure_is_finished_at_the_next_opening(tmp_path, monkeypatch):
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as gallery:
        gallery.add([photo("Person_Gone", [1, 2, 3, 4])])

        def oops(*_):
            raise ToolkitError("oops.")

        monkeypatch.setattr(gallery_erasure, "finish_erasure", oops)
        with pytest.raises(ToolkitError, match=r"removed, but oops"):
            erase_people(gallery.store, ["Person_Gone"])
    with open_gallery(tmp_path) as again:
        assert again.store.meta("erasure_pending") == ""
        assert b"Person_Gone" not in all_bytes(tmp_path)


def test_removed_numbers_are_not_given_again(gallery):
    gallery.add([photo("Person_01", [1, 0, 0, 0])])
    erase_people(gallery.store, ["Person_01"])
    gallery.add([photo("Person_02", [1, 0, 0, 0])])
    assert [person.person_id for person in gallery.people()] == [2]


def test_rename(gallery):
    gallery.add([photo("Person_01", [1, 0, 0, 0]), photo("Person_02", [0, 0, 0, 0])])
    version = gallery.version
    gallery.rename("Person_01", " Person_03 ")
    assert [person.name for person in gallery.people()] == ["Person_02", "Person_03"]
    assert gallery.version == version
    with pytest.raises(InvalidConfig, match="already in the gallery"):
        gallery.rename("Person_02", "Person_03")


def test_unknown_person_is_named_with_the_nearest(gallery):
    gallery.add([photo("Person_01", [1, 0, 0, 0])])
    with pytest.raises(MissingInput, match="Did you mean 'Person_01'"):
        erase_people(gallery.store, ["Persn_01"])


def test_a_name_that_is_no_unicode_is_not_in_the_gallery(gallery):
    gallery.add([photo("J?", [1, 0, 0, 0])])
    for ask in (
        gallery.photos,
        lambda name: erase_people(gallery.store, [name]),
        lambda name: gallery.rename(name, "K"),
    ):
        with pytest.raises(MissingInput, match=r"'J\\udcff' is not in the gallery"):
            ask("J\udcff")
    assert gallery.size == 1


def test_audit_cannot_be_rewritten_and_names_nobody(gallery):
    gallery.add([photo("Person_01", [1, 0, 0, 0])])
    gallery.rename("Person_01", "Person_02")
    rows = [
        (row.actor, row.action, row.person_id, row.detail) for row in gallery.audit()
    ]
    actor = getpass.getuser()
    assert rows == [(actor, "add", 1, "1 photo"), (actor, "rename", 1, "")]
    for change in ("DELETE FROM audit", "UPDATE audit SET action = 'none'"):
        with (
            pytest.raises(ToolkitError, match="append-only"),
            gallery.store.changes(),
        ):
            gallery.store.execute(change)


def test_export_needs_no_pickle(gallery, tmp_path):
    gallery.add([photo("Person_01", [1, 2, 3, 4], sha256="s")])
    out = tmp_path / "export.npz"
    assert gallery.export(out) == 1
    with np.load(out, allow_pickle=False) as arrays:
        assert arrays["names"].tolist() == ["Person_01"]
        assert arrays["sources"].tolist() == ["folder/photo.jpg"]
        assert arrays["fingerprint"] == "a" * 64
        np.testing.assert_array_equal(arrays["embeddings"], [[1, 2, 3, 4]])
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_export_has_a_row_of_nan_where_there_is_no_reference(gallery, tmp_path):
    gallery.add(
        [
            photo("A", [1, 0, 0, 0], masked_reference=[1, 2, 3, 4]),
            photo("B", [2, 0, 0, 0], masked=True),
            photo("C", [3, 0, 0, 0]),
        ]
    )
    assert gallery.export(tmp_path / "export.npz") == 3
    with np.load(tmp_path / "export.npz", allow_pickle=False) as arrays:
        assert arrays["names"].tolist() == ["A", "B", "C"]
        assert arrays["masked_references"].dtype == np.float32
        wanted = [[1, 2, 3, 4], [np.nan] * 4, [np.nan] * 4]
        np.testing.assert_array_equal(arrays["masked_references"], wanted)
        np.testing.assert_array_equal(arrays["embeddings"][:, 0], [1, 2, 3])


def test_calibration_is_kept(gallery):
    assert gallery.calibration_json == ""
    gallery.set_calibration('{"measured": 1}')
    assert gallery.calibration_json == '{"measured": 1}'


def test_gallery_of_another_embedder_is_refused(gallery):
    with pytest.raises(EmbedderMismatch, match=r"a{12}, but .* b{12}\. Use that model"):
        open_or_create_gallery(gallery.folder, FakeEmbedder("b" * 64))


def test_embedding_of_another_length_is_refused(gallery):
    for reference in (None, [1, 0, 0, 0]):
        with pytest.raises(BadRecord, match=r"shape \(3,\), the gallery holds \(4,\)"):
            gallery.add([photo("Person_01", [1, 0, 0], masked_reference=reference)])
    with pytest.raises(BadRecord, match=r"shape \(5,\), the gallery holds \(4,\)"):
        gallery.add(
            [photo("Person_01", [1, 0, 0, 0], masked_reference=[1, 0, 0, 0, 0])]
        )
    assert gallery.people() == []


@pytest.mark.parametrize(
    "name",
    ["", "  ", "x" * 201, "two\nlines", "tab\there", "a/b", "..\\b", "\u202eabc"],
)
def test_impossible_names_are_refused(gallery, name):
    with pytest.raises(InvalidConfig):
        gallery.add([photo(name, [1, 0, 0, 0], sha256="s")])
    assert gallery.people() == []


def test_two_connections_see_each_others_people(gallery):
    with open_gallery(gallery.folder) as second:
        gallery.add([photo("Person_01", [1, 0, 0, 0])])
        second.add([photo("Person_02", [2, 0, 0, 0])])
        assert isinstance(second, Gallery)
        assert len(gallery.people()) == len(second.people()) == 2


def test_export_refuses_another_kind_of_file_and_names_a_folder(gallery, tmp_path):
    with pytest.raises(InvalidConfig, match=r"out\.txt.*\.npz"):
        gallery.export(tmp_path / "out.txt")
    (tmp_path / "out.npz").mkdir()
    with pytest.raises(ToolkitError, match=r"out\.npz: cannot be written"):
        gallery.export(tmp_path / "out.npz")
    assert not list(tmp_path.glob(".writing-*"))
