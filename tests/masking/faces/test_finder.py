"""The most prominent face comes first, and unlikely landmarks are left out."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from masking.datasets.images import read_rgb, write_image
from masking.datasets.sample import sample_people
from masking.errors import UnreadableImage
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import (
    FaceFinder,
    PhotoFile,
    default_finder,
    read_faces,
    read_photo,
    unmasked_finder,
    whole_picture,
)
from masking.faces.landmark_predictor import FivePointPredictor, LandmarkPredictor
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Float32, Image, Landmarks, five_points
from tests.fakes.drawn_people import DrawnFinder
from tests.fakes.faces_for_index import BLUE, RED, SquareFinder, draw_photo


@pytest.fixture(scope="module")
def portrait():
    return read_rgb(next(iter(sorted(sample_people().glob("*/*.jpg")))))


class Shifted(LandmarkPredictor):
    """Landmarks beside the face."""

    def __init__(self, predictor, by, first_by):
        self._predictor, self._by, self._first_by = predictor, by, first_by

    def predict(self, image: Image, points: Float32) -> Landmarks:
        return self._beside(self._predictor.predict(image, points), self._by)

    def first_look(self, image: Image, points: Float32) -> Landmarks:
        return self._beside(self._predictor.first_look(image, points), self._first_by)

    def _beside(self, found: Landmarks, by: float) -> Landmarks:
        away = np.array([by * found.interocular_px, 0], np.float32)
        return Landmarks(found.points + away)


def test_large_faces_near_the_middle_come_first(portrait):
    finder = default_finder()
    scene = np.full((500, 900, 3), 90, np.uint8)
    scene[:125, :125] = portrait[::2, ::2]
    scene[125:375, 325:575] = portrait
    # As large as the one in the middle, but at the edge.
    scene[250:, 650:] = portrait
    found = finder.find(scene)
    assert [round(face.box.left / 300) for face in found] == [1, 2, 0]


@pytest.mark.parametrize(
    ("by", "first_by", "kept"), [(0.2, 0.8, 0.2), (0.8, 0.2, 0.2), (0.8, 0.8, None)]
)
def test_landmarks_beside_the_eyes_are_no_face(portrait, by, first_by, kept):
    """A second look that leads away is not believed; the first one may be."""
    predictor = unmasked_finder()._predictor
    (exact,) = unmasked_finder().find(portrait)
    found = FaceFinder(Shifted(predictor, by, first_by)).find(portrait)
    away = [
        (face.landmarks.points - exact.landmarks.points)[0, 0]
        / exact.landmarks.interocular_px
        for face in found
    ]
    assert away == ([] if kept is None else [pytest.approx(kept, abs=1e-4)])


def test_the_box_of_a_face_leads_to_its_landmarks(portrait):
    finder = unmasked_finder()
    (face,) = finder.find(portrait)
    again = finder.landmarks_in(portrait, face.box)
    away = np.linalg.norm(again.points - face.landmarks.points, axis=1).mean()
    assert away < 0.1 * face.landmarks.interocular_px


def test_a_tiny_picture_is_no_crop_of_a_face():
    assert whole_picture(np.zeros((23, 50, 3), np.uint8), unmasked_finder()) == []


def test_five_points_place_the_mean_face(portrait):
    # Upside down, 100 px large: (x, y) becomes (200 - 100 x, 300 - 100 y).
    wanted = np.array([200, 300], np.float32) - 100 * CANONICAL_FACE
    for points in (five_points(wanted), wanted):
        found = FivePointPredictor().predict(portrait, points)
        assert np.abs(found.points - wanted).max() < 1e-3


SMALL, LARGE = ChipGeometry(size_px=32, padding=0.0), ChipGeometry(size_px=64)


def test_every_face_is_cropped_for_every_geometry(tmp_path):
    path = draw_photo(tmp_path / "two.png", RED, BLUE)
    photo = read_faces(read_photo(path), SquareFinder(), [SMALL, LARGE])
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (photo.source, photo.sha256) == (str(path), sha256)
    assert photo.image.shape == (100, 200, 3)
    assert [face.box.left for face in photo.faces] == [20, 110]
    assert photo.prominent is photo.faces[0]
    for face, colour in zip(photo.faces, (RED, BLUE), strict=True):
        assert (face.source, face.sha256, face.failure) == (str(path), sha256, "")
        assert [crop.shape for crop in face.crops] == [(32, 32, 3), (64, 64, 3)]
        assert face.crop is face.crops[0]
        np.testing.assert_array_equal(face.crop[16, 16], colour)


def test_without_a_face_there_is_a_reason_or_the_fallback(tmp_path):
    write_image(tmp_path / "dark.png", np.zeros((60, 40, 3), np.uint8))
    file = read_photo(tmp_path / "dark.png", "dark")
    photo = read_faces(file, DrawnFinder(), [SMALL])
    assert photo.faces == ()
    assert photo.prominent.failure == "dark: no face found."
    assert (photo.prominent.crops, photo.prominent.box.detector) == ((), "")
    (face,) = read_faces(file, DrawnFinder(), [SMALL], whole_picture).faces
    assert (face.failure, face.box.detector, face.box.right) == ("", "crop", 40)


def test_the_fallback_is_not_asked_where_a_face_is_found(tmp_path):
    path = draw_photo(tmp_path / "one.png", RED)
    photo = read_faces(read_photo(path), SquareFinder(), [], whole_picture)
    assert [face.box.detector for face in photo.faces] == ["square"]
    assert photo.faces[0].crops == ()


def test_what_cannot_be_read_or_decoded_says_which_photo(tmp_path):
    with pytest.raises(UnreadableImage, match=r"^Ann/1: cannot be read"):
        read_photo(tmp_path / "missing.jpg", "Ann/1")
    with pytest.raises(UnreadableImage, match=r"^Ann/2: not an image"):
        read_faces(PhotoFile("Ann/2", b"text"), SquareFinder())
