"""What is stored of a person, and which photos do not look like the others."""

import numpy as np
import pytest
from faces_for_index import BLUE, RED, ColourEmbedder, SquareFinder, draw_photo
from test_gallery import FakeEmbedder, photo

from index.enroll_stage import enroll
from index.gallery import open_or_create_gallery
from index.person_photos import PersonPhoto, unlike_the_others
from masking.errors import MissingInput


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as opened:
        yield opened


@pytest.fixture
def colours(tmp_path):
    with open_or_create_gallery(tmp_path / "colours", ColourEmbedder()) as opened:
        yield opened


def test_photos_of_a_person_with_distances_to_their_mean(gallery):
    gallery.add(
        [
            photo("Person_01", [0, 0, 0, 0], sha256="a", source="one.jpg"),
            photo("Person_02", [9, 9, 9, 9], sha256="b"),
            photo("Person_01", [6, 8, 0, 0], sha256="c", source="two.jpg"),
        ]
    )
    first, second = gallery.photos(" Person_01 ")
    assert (first.source, first.sha256, first.masked) == ("one.jpg", "a", False)
    assert (second.source, second.sha256) == ("two.jpg", "c")
    # The mean is (3, 4, 0, 0).
    assert (first.distance, second.distance) == (5.0, 5.0)
    assert first.created == gallery.people()[0].created
    assert gallery.photos("Person_02")[0].distance == 0.0
    with pytest.raises(MissingInput, match="Did you mean 'Person_01'"):
        gallery.photos("Persn_01")


def test_owners_are_those_who_have_the_photo(gallery):
    gallery.add([photo(f"Person_0{i}", [i, 0, 0, 0], sha256=f"s{i}") for i in range(4)])
    gallery.add([photo("Person_03", [1, 0, 0, 0], sha256="s1")])
    assert gallery.owners({"s1", "s2", "none"}) == {2, 3, 4}
    assert gallery.owners([]) == set()


def described(*distances):
    return [PersonPhoto("", f"s{i}", False, "", d) for i, d in enumerate(distances)]


def test_distance_is_to_the_mean_of_the_other_photos():
    # Photos at 0, 0 and 3 on a line: the mean is 1, that of the first two is 0.
    gaps = unlike_the_others(described(1.0, 1.0, 2.0), threshold=1.5)
    assert gaps == {"s2": 3.0}
    # Exactly at the threshold still passes.
    assert unlike_the_others(described(1.0, 1.0, 2.0), threshold=3.0) == {}


def test_of_two_photos_both_may_be_the_wrong_one():
    assert unlike_the_others(described(0.5, 0.5), 0.9) == {"s0": 1.0, "s1": 1.0}
    assert unlike_the_others(described(0.0), 0.9) == {}
    assert unlike_the_others([], 0.9) == {}


def enrolled(gallery, photos):
    return enroll("Person_01", photos, gallery, ColourEmbedder(), SquareFinder())


def test_stranger_among_the_photos_is_reported_and_kept(colours, tmp_path):
    shades = [(250, 5, shade) for shade in (5, 10, 15, 20)]
    photos = [draw_photo(tmp_path / f"{c[2]}.png", c) for c in shades]
    other = draw_photo(tmp_path / "other.png", BLUE)
    report = enrolled(colours, [*photos, other])
    assert len(report.added) == 5
    assert list(report.unlike) == [str(other)]
    red, blue = np.array(RED) / 255, np.array(BLUE) / 255
    assert report.unlike[str(other)] == pytest.approx(
        np.linalg.norm(red - blue), abs=0.1
    )


def test_earlier_photos_are_compared_with_but_not_reported_again(colours, tmp_path):
    first = draw_photo(tmp_path / "first.png", BLUE)
    assert enrolled(colours, [first]).unlike == {}
    second = draw_photo(tmp_path / "second.png", RED)
    assert list(enrolled(colours, [second]).unlike) == [str(second)]
