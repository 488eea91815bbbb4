"""Photos to aligned faces: hash, crops of each geometry, and failures with a reason."""

import hashlib

import numpy as np
import pytest

from masking.datasets.images import write_image
from masking.errors import UnreadableImage
from masking.faces.aligned_faces import PhotoFile, read_faces, read_photo
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import whole_picture
from tests.fakes.drawn_people import DrawnFinder
from tests.fakes.faces_for_index import BLUE, RED, SquareFinder, draw_photo

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
