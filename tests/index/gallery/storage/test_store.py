"""Whose faces are compared to see how alike the people of a gallery are."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from index.gallery.gallery import open_or_create_gallery
from index.gallery.storage import store as gallery_store
from index.gallery.storage.store import MAX_LENGTH, checked_name, typed_name
from masking.errors import InvalidConfig
from tests.fakes.galleries import FakeEmbedder, photo


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as opened:
        opened.add(
            [
                photo(f"P{i}", [i, n, 0, 0], masked_reference=[i, n, 1, 0])
                for i in range(6)
                for n in range(3)
            ]
        )
        yield opened


def test_first_photos_of_all_people_as_templates_have_them(gallery, monkeypatch):
    monkeypatch.setattr(gallery_store, "MOST_PHOTOS", 2)
    for masked in (False, True):
        found = gallery.sample(masked)
        wanted = [[i, n, masked, 0] for i in range(6) for n in range(2)]
        np.testing.assert_array_equal(found.embeddings, wanted)
        assert len(set(found.people.tolist())) == 6


def test_no_more_people_than_asked_for_and_always_the_same(gallery, monkeypatch):
    monkeypatch.setattr(gallery_store, "MOST_PEOPLE", 4)
    first, again = (gallery.sample(False).people.tolist() for _ in range(2))
    assert first == again
    assert len(first) == 4 * 3 and len(set(first)) == 4


def test_nobody_is_enrolled(tmp_path):
    with open_or_create_gallery(tmp_path / "empty", FakeEmbedder()) as empty:
        assert gallery_is_empty(empty.sample(True))


def gallery_is_empty(faces):
    return faces.embeddings.shape == (0, 4) and not len(faces.people)


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
