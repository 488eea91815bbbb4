"""The gallery picture: every kind, wearing style and pose."""

import numpy as np
import pytest

from masking.augment.manifest import ManifestRow
from masking.augment.report import POSES, PoseChoice, kinds_picture, turn_of, worn_so
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Landmarks
from masking.masks.spec import KINDS, RIGID_STYLES, WEARING_STYLES
from masking.rendering.parameters import RIGID
from tests.fakes.drawn_faces import drawn_landmarks
from tests.fakes.drawn_people import draw_person


def turned(fraction, scale=60.0, degrees=0.0):
    """A face whose nose tip lies `fraction` of the way across the jaw."""
    points = np.array(CANONICAL_FACE)
    left, right = points[0, 0], points[16, 0]
    points[30, 0] = left + fraction * (right - left)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Landmarks(points @ turn.T * scale + 100)


@pytest.mark.parametrize("degrees", [0, 35, -90])
@pytest.mark.parametrize(("fraction", "turn"), [(0.5, 0.0), (0.2, -0.6), (0.9, 0.8)])
def test_turns_are_read_off_the_nose(fraction, turn, degrees):
    # By hand: with a fraction s of the jaw on one side, s - (1 - s) = 2 s - 1.
    assert turn_of(turned(fraction, degrees=degrees)) == pytest.approx(turn, abs=1e-4)


def row(name, fraction, scale=100.0, failure=""):
    points = turned(fraction, scale).points.tolist()
    return ManifestRow(name, "Ann", "", failure, landmarks=points)


def test_the_best_face_of_each_pose_is_chosen():
    choice = PoseChoice()
    for item in (
        row("missed", 0.5, failure="no face found"),
        row("a little left", 0.4),
        row("left", 0.26),
        row("left too", 0.26),
        row("tiny but frontal", 0.5, scale=10),
        row("nearly frontal", 0.51),
        row("profile", 0.95),
        row("right", 0.72),
    ):
        choice.add(item)
    chosen = {pose: best.photo_id for pose, (_, best) in choice.best.items()}
    assert chosen == {
        "frontal": "nearly frontal",
        "turned left": "left",
        "turned right": "right",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_of_each_kind_and_wear_can_be_had(kind):
    for wearing_style in RIGID_STYLES if kind in RIGID else WEARING_STYLES:
        one, other = (
            worn_so(kind, wearing_style, "a"),
            worn_so(kind, wearing_style, "b"),
        )
        assert (one[0].kind, one[0].wearing_style) == (kind, wearing_style)
        assert one != other
        assert worn_so(kind, wearing_style, "a") == one


def test_the_picture_shows_every_kind_in_every_pose(tmp_path):
    draw_person(tmp_path / "Ann" / "1.png", 20, 0)
    marks = drawn_landmarks(48).points.tolist()
    choice = PoseChoice()
    choice.add(ManifestRow("Ann/1.png", "Ann", "", landmarks=marks))
    picture = kinds_picture([tmp_path], choice)
    height, width = picture.shape[:2]
    tile = 180
    assert height > (len(KINDS) + 1) * tile
    assert width > len(WEARING_STYLES) * len(POSES) * tile
    # The middles of the tiles of a kind: no two styles look the same.
    rows = [picture[48 + down * tile : 48 + down * tile + 176] for down in range(7)]
    for kind, strip in zip(KINDS, rows, strict=True):
        white = (strip[:, 96:] > 250).all(axis=(0, 2)).mean()
        expected = 0.6 if kind in RIGID else 0.0
        assert white == pytest.approx(expected, abs=0.1), kind


def test_a_collection_without_faces_gives_an_empty_picture(tmp_path):
    picture = kinds_picture([tmp_path], PoseChoice())
    assert (picture[48:200, 200:] == 255).all()
