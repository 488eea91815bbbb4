"""Damaged, foreign and missing gallery files end in one clear line."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from index.gallery.gallery import open_gallery, open_or_create_gallery
from masking.errors import BadRecord, MissingInput, ToolkitError
from tests.fakes.galleries import FakeEmbedder, photo


def test_missing_gallery(tmp_path):
    with pytest.raises(MissingInput, match="no gallery yet"):
        open_gallery(tmp_path)


def full_gallery(folder: Path) -> Path:
    with open_or_create_gallery(folder, FakeEmbedder()) as gallery:
        gallery.add([photo(f"Person_{i:02d}", [i, 0, 0, 0]) for i in range(40)])
    return folder / "gallery.sqlite"


@pytest.mark.parametrize("kept_fraction", [0.0, 0.001, 0.5])
def test_truncated_database_is_refused_and_left_alone(tmp_path, kept_fraction):
    path = full_gallery(tmp_path)
    rest = path.read_bytes()[: int(kept_fraction * path.stat().st_size)]
    path.write_bytes(rest)
    with pytest.raises(BadRecord, match="Put back a copy"):
        open_or_create_gallery(tmp_path, FakeEmbedder())
    assert path.read_bytes() == rest


def test_a_schema_that_is_no_text_is_reported(tmp_path):
    path = full_gallery(tmp_path)
    data = path.read_bytes()
    broken = data.replace(b"CREATE TABLE removed", b"CREATE TABL\xc9 removed")
    assert broken != data
    path.write_bytes(broken)
    with pytest.raises(BadRecord, match="the gallery is damaged"):
        open_gallery(tmp_path)


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


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("99", "99 is newer than the 1"),
        ("0", "'0', expected 1. Move the folder"),
        ("x", "'x', expected 1"),
    ],
)
def test_another_format_is_refused(tmp_path, version, problem):
    path = full_gallery(tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        change = "UPDATE meta SET value = ? WHERE key = 'format_version'"
        connection.execute(change, (version,))
    with pytest.raises(BadRecord, match=problem):
        open_gallery(tmp_path)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolkitError, match="cannot be written"):
        open_or_create_gallery(tmp_path / "file" / "gallery", FakeEmbedder())
