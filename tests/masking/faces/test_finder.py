"""The most prominent face comes first, and unlikely landmarks are left out."""

import numpy as np
import pytest

from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from masking.faces.finder import (
    FaceFinder,
    default_finder,
    unmasked_finder,
    whole_picture,
)
from masking.faces.landmark_predictor import FivePointPredictor, LandmarkPredictor
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Float32, Image, Landmarks, five_points


@pytest.fixture(scope="module")
def portrait():
    return read_rgb(next(iter(sorted(sample_people().glob("*/*.jpg")))))


class Shifted(LandmarkPredictor):
    """Landmarks beside the face."""

    def __init__(self, predictor, by):
        self._predictor, self._by = predictor, by

    def predict(self, image: Image, points: Float32) -> Landmarks:
        found = self._predictor.predict(image, points)
        return Landmarks(
            found.points + np.array([self._by * found.interocular_px, 0], np.float32)
        )


def test_large_faces_near_the_middle_come_first(portrait):
    finder = default_finder()
    scene = np.full((500, 900, 3), 90, np.uint8)
    scene[:125, :125] = portrait[::2, ::2]
    scene[125:375, 325:575] = portrait
    # As large as the one in the middle, but at the edge.
    scene[250:, 650:] = portrait
    found = finder.find(scene)
    assert [round(face.box.left / 300) for face in found] == [1, 2, 0]


@pytest.mark.parametrize(("by", "count"), [(0.2, 1), (0.8, 0)])
def test_landmarks_beside_the_eyes_are_no_face(portrait, by, count):
    predictor = unmasked_finder()._predictor
    assert len(FaceFinder(Shifted(predictor, by)).find(portrait)) == count


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
