"""What `enroll` says of photos that may not show whom they are given for."""

import numpy as np
import pytest

from index.gallery.gallery import open_gallery
from masking.faces.finder import Face
from masking.landmarks import FaceBox
from tests.fakes.faces_for_index import BLUE, RED, YELLOW, SquareFinder, draw_photo


@pytest.fixture
def red(call, tmp_path):
    photo = draw_photo(tmp_path / "red.png", RED)
    call("enroll", "Red", photo, "--unmasked")
    return photo


def enrolled(tmp_path):
    with open_gallery(tmp_path / "w" / "gallery") as gallery:
        return {person.name: person.photo_count for person in gallery.people()}


def test_photograph_of_somebody_enrolled_is_not_stored_unasked(call, red, tmp_path):
    done = call("enroll", "Other", red, code=2)
    assert "this very photograph is enrolled as Red" in done.output
    assert enrolled(tmp_path) == {"Red": 1}
    done = call("enroll", "Other", red, "--allow-duplicate")
    assert "look again: " in done.stderr and "enrolled as Red" in done.stderr
    assert enrolled(tmp_path) == {"Other": 1, "Red": 1}


def test_face_like_somebody_enrolled_is_not_stored_unasked(call, red, tmp_path):
    alike = draw_photo(tmp_path / "alike.png", (242, 9, 9))
    done = call("enroll", "Other", alike, "--unmasked", code=2)
    assert "looks like Red, who is enrolled" in done.output
    assert "--allow-duplicate" in done.output
    done = call("enroll", "Red", alike, "--unmasked")
    assert "1 photo added" in done.output and "looks like" not in done.output
    assert enrolled(tmp_path) == {"Red": 2}


def test_face_is_chosen_by_number(call, tmp_path):
    both = draw_photo(tmp_path / "both.png", YELLOW, BLUE)
    assert "Say which with --face N" in call("enroll", "B", both, code=2).output
    for number, words in (
        (3, "none with the number 3"),
        (-1, "not in the range"),
    ):
        done = call("enroll", "B", both, "--face", number, code=2)
        assert words in done.output
    call("enroll", "B", both, "--face", 2)
    with open_gallery(tmp_path / "w" / "gallery") as gallery:
        (chip,) = gallery.chips("B")
    assert np.abs(chip.mean(axis=(0, 1)) - BLUE).max() < 12


@pytest.mark.parametrize(
    ("side_px", "code"),
    # The first is 60 px wide: .75 of its area is as large, .56 is not.
    [(52, 2), (45, 0)],
)
def test_small_bystander_is_passed_over(call, tmp_path, monkeypatch, side_px, code):
    class Bystander(SquareFinder):
        def find(self, image):
            first, second = super().find(image)
            left = second.box.left
            box = FaceBox(left, 20.0, left + side_px, 20.0 + side_px, 1.0, "square")
            return [first, Face(box, second.landmarks)]

    monkeypatch.setattr("masking.faces.finder.default_finder", Bystander)
    both = draw_photo(tmp_path / "both.png", YELLOW, BLUE)
    call("enroll", "Y", both, code=code)
