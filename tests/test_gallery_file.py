"""Damaged, foreign and missing gallery files end in one clear line."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from test_gallery import FakeEmbedder, photo

from index import gallery_schema
from index.gallery import open_gallery, open_or_create_gallery
from index.gallery_meta import new_meta
from index.neighbour_search import open_search
from masking.errors import BadRecord, MissingInput, ToolkitError


def test_missing_gallery(tmp_path):
    with pytest.raises(MissingInput, match="no gallery yet"):
        open_gallery(tmp_path)


def full_gallery(folder: Path) -> Path:
    with open_or_create_gallery(folder, FakeEmbedder()) as gallery:
        gallery.add([photo(f"Person_{i:02d}", [i, 0, 0, 0]) for i in range(40)])
    return folder / "gallery.sqlite"


@pytest.mark.parametrize("kept_share", [0.0, 0.001, 0.5])
def test_truncated_database_is_refused_and_left_alone(tmp_path, kept_share):
    path = full_gallery(tmp_path)
    rest = path.read_bytes()[: int(kept_share * path.stat().st_size)]
    path.write_bytes(rest)
    with pytest.raises(BadRecord, match="Put back a copy"):
        open_or_create_gallery(tmp_path, FakeEmbedder())
    assert path.read_bytes() == rest


def test_damaged_page_is_reported(tmp_path):
    path = full_gallery(tmp_path)
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(bytes(data))
    with (
        pytest.raises(BadRecord, match="damaged"),
        open_gallery(tmp_path) as gallery,
    ):
        gallery.templates()


def test_newer_format_is_refused(tmp_path):
    path = full_gallery(tmp_path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET value='99' WHERE key='format_version'")
    connection.close()
    with pytest.raises(BadRecord, match="newer than the 3"):
        open_gallery(tmp_path)


def make_format_2(path: Path) -> None:
    """Take from a gallery's file what the third format added."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP VIEW template_rows")
        connection.execute("DROP TABLE covered")
        connection.execute("UPDATE meta SET value='2' WHERE key='format_version'")


def test_file_of_the_first_format_is_brought_to_this_one(tmp_path):
    path = tmp_path / "gallery.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in gallery_schema._TABLES_1:
        connection.execute(statement)
    meta = new_meta(FakeEmbedder()) | {"format_version": "1", "version": "7"}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    connection.execute("INSERT INTO people VALUES (3, 'Person_03', '2025-01-01')")
    connection.execute("INSERT INTO photos VALUES (1, 3, 's', 'p', x'', 0, '2025')")
    vector = np.array([1, 2, 3, 4], "<f4").tobytes()
    connection.execute("INSERT INTO embeddings VALUES (1, 'a', 4, ?)", (vector,))
    connection.close()
    with open_gallery(tmp_path) as gallery:
        assert gallery.version == 8
        # Search files of the first format know nothing of changes.
        assert gallery.changes_since(7).templates.person_ids.tolist() == [3]
        (person,) = gallery.people()
        assert (person.name, person.consent, person.retain_until) == (
            "Person_03",
            "",
            "",
        )
        gallery.remove("Person_03")
    with open_gallery(tmp_path) as again:
        assert again.version == 9


def test_file_of_the_second_format_works_without_covered_vectors(tmp_path):
    path = full_gallery(tmp_path)
    make_format_2(path)
    with open_gallery(tmp_path) as gallery:
        assert gallery._store.meta("format_version") == "3"
        # No template differs, so search files that are there stay good.
        assert gallery.version == 1
        templates = gallery.templates()
        assert (len(templates.matrix), templates.masked.any()) == (40, False)
        assert gallery.photo_counts([8]) == {(8, False): 1}
        place = np.array([7, 0, 0, 0], np.float32)
        (found,) = open_search(gallery, "exact").nearest(place, 1)
        assert (found.person_id, found.distance, found.masked) == (8, 0, False)
        gallery.export(tmp_path / "export.npz")
        with np.load(tmp_path / "export.npz") as arrays:
            assert np.isnan(arrays["covered"]).all()
        # Somebody new has both templates, also beside the old photos of a person.
        gallery.add([photo("Person_07", [9, 0, 0, 0], covered=[0, 5, 0, 0])])
        np.testing.assert_array_equal(gallery.person_template(8, False), [8, 0, 0, 0])
        np.testing.assert_array_equal(gallery.person_template(8, True), [0, 5, 0, 0])
        gallery.remove("Person_07")
        assert gallery.photo_counts([8]) == {}
    with open_gallery(tmp_path) as again:
        assert again.size == 39


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolkitError, match="cannot be written"):
        open_or_create_gallery(tmp_path / "file" / "gallery", FakeEmbedder())
