"""Whose faces are compared to see how alike the people of a gallery are."""

import numpy as np
import pytest

from index.gallery import enrolled_sample
from index.gallery.gallery import open_or_create_gallery
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
    monkeypatch.setattr(enrolled_sample, "MOST_PHOTOS", 2)
    for masked in (False, True):
        found = gallery.sample(masked)
        wanted = [[i, n, masked, 0] for i in range(6) for n in range(2)]
        np.testing.assert_array_equal(found.embeddings, wanted)
        assert len(set(found.people.tolist())) == 6


def test_no_more_people_than_asked_for_and_always_the_same(gallery, monkeypatch):
    monkeypatch.setattr(enrolled_sample, "MOST_PEOPLE", 4)
    first, again = (gallery.sample(False).people.tolist() for _ in range(2))
    assert first == again
    assert len(first) == 4 * 3 and len(set(first)) == 4


def test_nobody_is_enrolled(tmp_path):
    with open_or_create_gallery(tmp_path / "empty", FakeEmbedder()) as empty:
        assert gallery_is_empty(empty.sample(True))


def gallery_is_empty(faces):
    return faces.embeddings.shape == (0, 4) and not len(faces.people)
