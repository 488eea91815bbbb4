"""`verify` finds what is wrong with a gallery and says how well it is searched."""

import hashlib
import json
import re

import numpy as np
import pytest

from index.engines.annoy_index import snapshot_folders
from index.gallery.gallery import open_gallery, open_or_create_gallery
from index.search import open_search as search_module
from index.search.open_search import build_snapshot
from index.search.verify import rebuild_snapshot, verify_gallery
from masking.errors import BadRecord, MissingInput, ToolkitError
from tests.fakes.galleries import FakeEmbedder, photo


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as gallery:
        rows = rng.normal(size=(60, 4))
        gallery.add([photo(f"Person_{i:02d}", row) for i, row in enumerate(rows)])
        gallery.add([photo("Person_00", [1, 1, 1, 1], masked_reference=[1, 1, 1, 0])])
        build_snapshot(gallery)
    return tmp_path / "gallery"


def change(folder, statement, *values):
    with open_gallery(folder) as gallery, gallery.store.changes():
        gallery.store.execute(statement, values)


def test_sound_gallery(folder):
    report = verify_gallery(folder, queries=120)
    assert report.sound, report.problems
    assert (report.people, report.photos, report.snapshots) == (60, 61, 1)
    # Person_00 has one for masked faces too.
    assert (report.search.templates, report.search.probes) == (61, 120)
    assert report.search.recall == 1.0
    assert 0 < report.search.exact_ms < 1000
    assert 0 < report.search.annoy_ms < 1000


# A name, and a key of `meta` with the first letter of its value.
@pytest.mark.parametrize("text", [b"Person_07", b"fingerprinta"])
def test_a_flipped_bit_in_what_has_no_checksum_is_found(folder, text):
    file = folder / "gallery.sqlite"
    whole = file.read_bytes()
    unsound = 0
    for found in re.finditer(text, whole):
        changed = bytearray(whole)
        changed[found.end() - 1] ^= 1
        file.write_bytes(changed)
        unsound += not verify_gallery(folder).sound
    # In the table and in its index.
    assert unsound >= 2


def test_empty_and_missing_galleries(tmp_path):
    open_or_create_gallery(tmp_path / "empty", FakeEmbedder()).close()
    report = verify_gallery(tmp_path / "empty")
    assert report.sound
    assert (report.people, report.search) == (0, None)
    with pytest.raises(MissingInput, match="no gallery yet"):
        verify_gallery(tmp_path / "none")


def vector(*values):
    return np.array(values, dtype="<f4").tobytes()


@pytest.mark.parametrize(
    ("statement", "values", "problem"),
    [
        (
            "UPDATE embeddings SET vector = ? WHERE photo_id IN (3, 4)",
            [vector(1, np.nan, 0, 0)],
            "2 photos with an embedding that is not finite (numbers 3, 4)",
        ),
        (
            "UPDATE embeddings SET vector = ? WHERE photo_id < 10",
            [vector(1, np.inf, 0, 0)],
            "9 photos with an embedding that is not finite (numbers 1, 2, 3, 4, 5, ..",
        ),
        (
            "UPDATE embeddings SET vector = ? WHERE photo_id = 5",
            [vector(1, 2, 3)],
            "1 photo with an embedding that is not 4 long (numbers 5)",
        ),
        (
            "UPDATE embeddings SET dimension = 3 WHERE photo_id = 5",
            [],
            "1 photo with an embedding that is not 4 long (numbers 5)",
        ),
        (
            "UPDATE embeddings SET fingerprint = 'b' WHERE photo_id = 6",
            [],
            "1 photo with another embedder's vector (numbers 6)",
        ),
        (
            "DELETE FROM embeddings WHERE photo_id = 7",
            [],
            "1 photo with no embedding (numbers 7)",
        ),
        (
            "UPDATE masked_references SET vector = ?",
            [vector(1, np.nan, 0, 0)],
            "1 photo with a masked reference that is not finite (numbers 61)",
        ),
        (
            "UPDATE masked_references SET vector = ?",
            [vector(1, 2, 3)],
            "1 photo with a masked reference that is not 4 long (numbers 61)",
        ),
    ],
)
def test_bad_embeddings_are_listed(folder, statement, values, problem):
    change(folder, statement, *values)
    report = verify_gallery(folder)
    (line,) = report.problems
    assert line.startswith(problem)
    assert (report.sound, report.search) == (False, None)


def flip(folder, table, column, photo_id):
    """Turn one bit of a stored value, as a bad disk does."""
    with open_gallery(folder) as gallery, gallery.store.changes():
        key = "id" if table == "photos" else "photo_id"
        where = f"FROM {table} WHERE {key} = {photo_id}"
        ((value,),) = gallery.store.read(f"SELECT {column} {where}")
        data = bytearray(value)
        # The lowest of the exponent of the first number: half or twice as large.
        data[2] ^= 0x80
        statement = f"UPDATE {table} SET {column} = ? WHERE {key} = {photo_id}"
        gallery.store.execute(statement, (bytes(data),))


@pytest.mark.parametrize(
    ("table", "column", "photo_id", "problem"),
    [
        ("embeddings", "vector", 5, "with an embedding that is damaged"),
        ("masked_references", "vector", 61, "with a masked reference that is damaged"),
        ("photos", "chip", 5, "with a chip that is damaged"),
    ],
)
def test_one_flipped_bit_is_found(folder, table, column, photo_id, problem):
    flip(folder, table, column, photo_id)
    report = verify_gallery(folder)
    assert report.problems == (
        f"1 photo {problem}: its checksum differs (numbers {photo_id})",
    )


@pytest.mark.parametrize(
    "change_of", ["person_id = 2", "masked = 1", "sha256 = 'another'"]
)
def test_photo_that_changed_its_owner_kind_or_identity_is_found(folder, change_of):
    change(folder, f"UPDATE photos SET {change_of} WHERE id = 5")
    assert {line.partition(":")[0] for line in verify_gallery(folder).problems} == {
        "1 photo with an embedding that is damaged",
        "1 photo with a chip that is damaged",
    }


def test_damaged_embedding_is_compared_with_nobody(folder, tmp_path):
    flip(folder, "embeddings", "vector", 5)
    what = (
        r"embedding of folder/photo.jpg, a photo of Person_04, is damaged .*"
        r"gallery rebuild, .*gallery restore"
    )
    query = np.ones(4, np.float32)
    with open_gallery(folder) as gallery:
        for use in (
            gallery.templates,
            lambda: gallery.changes_since(0),
            lambda: gallery.person_template(5, False),
            lambda: gallery.nearest_photo(5, query),
            lambda: gallery.photos("Person_04"),
            lambda: gallery.export(tmp_path / "all.npz"),
        ):
            with pytest.raises(BadRecord, match=what):
                use()
        # Nobody else is touched.
        assert gallery.person_template(6, False).shape == (4,)
    assert not (tmp_path / "all.npz").exists()


def test_damaged_chip_is_shown_to_nobody(folder):
    flip(folder, "photos", "chip", 5)
    with (
        open_gallery(folder) as gallery,
        pytest.raises(BadRecord, match=r"chip of folder/photo\.jpg is damaged"),
    ):
        gallery.nearest_photo(5, np.ones(4, np.float32))


def test_damaged_file_is_reported(folder):
    path = folder / "gallery.sqlite"
    data = bytearray(path.read_bytes())
    # The first pages hold the tables' names; the rest is people and photos.
    data[16384:] = bytes(len(data) - 16384)
    path.write_bytes(bytes(data))
    report = verify_gallery(folder)
    assert not report.sound
    assert str(path) in report.problems[0]
    assert (report.photos, report.search) == (0, None)


def test_file_that_is_no_gallery(folder):
    (folder / "gallery.sqlite").write_bytes(b"text" * 1000)
    with pytest.raises(BadRecord, match="damaged"):
        verify_gallery(folder)


def test_row_without_its_person_is_reported(folder):
    with open_gallery(folder) as gallery:
        gallery.store._sqlite.execute("PRAGMA foreign_keys=OFF")
        with gallery.store.changes():
            gallery.store.execute("DELETE FROM people WHERE id = 9")
    (line,) = verify_gallery(folder).problems
    assert "row 9 of photos belongs to no row of people" in line


def test_damaged_search_files_are_reported_and_built_again(folder):
    (path,) = snapshot_folders(folder)
    (path / "trees.ann").write_bytes(b"damaged")
    report = verify_gallery(folder, queries=10)
    (line,) = report.problems
    assert "trees.ann: damaged, its hash differs" in line
    assert report.search.recall == 1.0
    # The damaged files are no longer in use, and are swept by the next search.
    with open_gallery(folder) as gallery:
        rebuild_snapshot(gallery)
    assert verify_gallery(folder, queries=10).sound


def test_search_files_that_differ_from_the_database_are_reported(folder):
    (path,) = snapshot_folders(folder)
    matrix = np.load(path / "matrix.npy")
    matrix[5] += 0.01
    np.save(path / "matrix.npy", matrix)
    manifest = json.loads((path / "manifest.json").read_text())
    digest = hashlib.sha256((path / "matrix.npy").read_bytes()).hexdigest()
    manifest["sha256"]["matrix.npy"] = digest
    (path / "manifest.json").write_text(json.dumps(manifest))
    (line,) = verify_gallery(folder, queries=10).problems
    assert line == f"{path}: differs from the database"


def test_older_search_files_may_differ(folder):
    with open_gallery(folder) as gallery:
        gallery.add([photo("Person_99", [9, 9, 9, 9])])
        build_snapshot(gallery)
    report = verify_gallery(folder, queries=10)
    assert (report.sound, report.snapshots) == (True, 2)


def test_folder_that_cannot_be_written(folder, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    with open_gallery(folder) as gallery:
        gallery.add([photo(f"New_{i}", [9, 9, 9, i]) for i in range(20)])
        monkeypatch.setattr(search_module, "write_snapshot", refused)
        report = verify_gallery(folder)
        assert report.problems == (
            "search files cannot be written: [Errno 13] Permission denied",
        )
        with pytest.raises(ToolkitError, match=r"written \(Permission denied\)"):
            rebuild_snapshot(gallery)


def test_rebuilt_search_files_replace_all_others(folder):
    before = snapshot_folders(folder)
    with open_gallery(folder) as gallery:
        snapshot = rebuild_snapshot(gallery)
    assert snapshot_folders(folder) == [snapshot.folder]
    assert snapshot.folder not in before
    assert len(np.unique(snapshot.templates.person_ids)) == 60
