"""Names are one line of text and not a path."""

import unicodedata

import pytest

from index.gallery.storage.rows import MAX_LENGTH, checked_name, typed_name
from masking.errors import InvalidConfig


def test_names_are_stripped_and_composed():
    decomposed = unicodedata.normalize("NFD", "Zo\u00eb")
    assert checked_name(f"  {decomposed} ") == "Zo\u00eb"


@pytest.mark.parametrize(
    "name", ["李", "O'Person", "Person the 2nd.", "x" * MAX_LENGTH]
)
def test_ordinary_names_stay(name):
    assert checked_name(name) == typed_name(name) == name


def test_message_names_the_remedy():
    with pytest.raises(InvalidConfig, match="the person's name first"):
        checked_name("people/person")


@pytest.mark.parametrize("name", ["photo.jpg", "holiday photo.PNG"])
def test_forgotten_name_is_noticed(name):
    with pytest.raises(InvalidConfig, match="is a file"):
        typed_name(name)


def test_name_of_a_file_in_the_working_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").write_text("")
    with pytest.raises(InvalidConfig, match="is a file"):
        typed_name("notes")


@pytest.mark.parametrize("name", [".", "..", "..."])
def test_names_of_dots_are_refused(name):
    with pytest.raises(InvalidConfig, match="means a folder"):
        checked_name(name)


def test_name_is_no_longer_than_that_of_a_file():
    # Three bytes each.
    assert typed_name("李" * 85) == "李" * 85
    for name in ("李" * 86, "😷" * 200):
        with pytest.raises(InvalidConfig, match=r"takes (258|800) bytes.* at most 255"):
            typed_name(name)
