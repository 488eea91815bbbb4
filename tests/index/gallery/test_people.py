"""What is stored of a person, and which photos do not look like the others."""

import numpy as np
import pytest

from index.enrollment.stage import enroll
from index.gallery.gallery import open_or_create_gallery
from index.gallery.people import PersonPhoto, unlike_the_others
from masking.datasets.images import decode_rgb
from masking.errors import MissingInput
from tests.fakes.faces_for_index import (
    BLUE,
    RED,
    ColourEmbedder,
    SquareFinder,
    draw_photo,
)
from tests.fakes.galleries import FakeEmbedder, photo


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path / "gallery", FakeEmbedder()) as opened:
        yield opened


@pytest.fixture
def colours(tmp_path):
    with open_or_create_gallery(tmp_path / "colours", ColourEmbedder()) as opened:
        yield opened


def test_photos_of_a_person_with_distances_to_the_others(gallery):
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
    assert (first.distance, second.distance) == (10.0, 10.0)
    assert first.created == gallery.people()[0].created
    assert gallery.photos("Person_02")[0].distance == 0.0
    with pytest.raises(MissingInput, match="Did you mean 'Person_01'"):
        gallery.photos("Persn_01")


def test_owners_are_those_who_have_the_photo(gallery):
    gallery.add([photo(f"Person_0{i}", [i, 0, 0, 0], sha256=f"s{i}") for i in range(4)])
    gallery.add([photo("Person_03", [1, 0, 0, 0], sha256="s1")])
    assert gallery.owners({"s1", "s2", "none"}) == {2, 3, 4}
    assert gallery.owners([]) == set()


def described(*distances, masked=()):
    return [
        PersonPhoto(i + 1, "", f"s{i}", i in masked, "", d)
        for i, d in enumerate(distances)
    ]


def always(limit):
    """A score that is 0 at a distance."""
    return lambda square, masked, others_masked, others: limit**2 - square


def test_distance_is_to_the_mean_of_the_other_photos(gallery):
    places = [[0, 0, 0, 0], [0, 0, 0, 0], [3, 0, 0, 0]]
    gallery.add([photo("A", place, sha256=f"s{i}") for i, place in enumerate(places)])
    photos = gallery.photos("A")
    np.testing.assert_allclose([one.distance for one in photos], [1.5, 1.5, 3])
    assert unlike_the_others(photos, always(1.5)) == {"s2": 3.0}
    # Exactly at the threshold still passes.
    assert unlike_the_others(photos, always(3.0)) == {}


def test_of_two_photos_both_may_be_the_wrong_one():
    assert unlike_the_others(described(1.0, 1.0), always(0.9)) == {"s0": 1.0, "s1": 1.0}
    assert unlike_the_others(described(0.0), always(0.9)) == {}
    assert unlike_the_others([], always(0.9)) == {}


def test_masked_photos_are_compared_by_the_limit_of_their_kind():
    limits = {
        (False, False): 1.0,
        (True, False): 2.0,
        (False, True): 3.0,
        (True, True): 4.0,
    }

    def gaps(masked):
        photos = described(1.5, 1.5, 1.5, masked=masked)

        def score(square, *kinds):
            return limits[kinds[:2]] ** 2 - square

        return set(unlike_the_others(photos, score))

    assert gaps(masked=()) == {"s0", "s1", "s2"}
    # One of the two others is masked: most are not.
    assert gaps(masked={0}) == {"s1", "s2"}
    assert gaps(masked={0, 1}) == set()
    assert gaps(masked={0, 1, 2}) == set()


def test_a_photo_of_a_lonely_place_is_nearer_than_nothing():
    # Its square is -0.25.
    assert unlike_the_others(described(-0.5, 0.6), always(0.5)) == {"s1": 0.6}


def test_most_of_three_others_are_two():
    photos = described(1.5, 1.5, 1.5, 1.5, masked={0, 1})
    asked = []
    unlike_the_others(photos, lambda _, *kinds: asked.append(kinds) or 9)
    # Of an unmasked photo's three others two are masked, of a masked one's only one.
    assert asked == [(True, False, 3)] * 2 + [(False, True, 3)] * 2


def test_the_number_of_other_photos_is_told():
    asked = []
    unlike_the_others(
        described(0.1, 0.1, 0.1), lambda _, *kinds: asked.append(kinds) or 9
    )
    assert asked == [(False, False, 2)] * 3


def test_photos_of_each_template_are_counted(gallery):
    gallery.add([photo("Person_01", [i, 0, 0, 0]) for i in range(3)])
    masked = photo("Person_01", [9, 0, 0, 0], masked=True)
    gallery.add([masked, photo("Person_02", [1, 1, 1, 1])])
    assert gallery.photo_counts([2, 1, 1, 7]) == {
        (1, False): 3,
        (1, True): 1,
        (2, False): 1,
    }


def enrolled(gallery, photos):
    return enroll("Person_01", photos, gallery, ColourEmbedder(), SquareFinder())


def test_impostor_among_the_photos_is_reported_and_kept(colours, tmp_path):
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


def test_the_stored_file_of_one_photo(colours, tmp_path):
    paths = [draw_photo(tmp_path / f"{n}.png", c) for n, c in enumerate((RED, BLUE))]
    enroll("Person_01", paths, colours, ColourEmbedder(), SquareFinder())
    pixels = decode_rgb(colours.chip_file("Person_01", 2), "chip")
    np.testing.assert_array_equal(pixels, colours.chips("Person_01")[1])
    for number in (0, 3, -1, 2**70):
        with pytest.raises(MissingInput, match=f"no photo with the number {number}"):
            colours.chip_file("Person_01", number)
