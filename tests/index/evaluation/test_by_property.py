"""Figures by bin, of faces on a line whose distances are plain."""

import numpy as np
import pytest

from index.datasets.views import View
from index.evaluation.by_property import (
    BINS,
    UNKNOWN,
    Conditions,
    bin_of,
    by_property,
    eye_error,
)
from index.evaluation.config import PROPERTIES, EvaluateConfig
from index.evaluation.protocol import AllPairs
from index.evaluation.set_figures import Chance
from masking.datasets.collections import NO_MASK
from masking.errors import InvalidConfig
from masking.faces.finder import AlignedFace
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Landmarks
from training.metrics.pairs import PairBudget
from training.metrics.score_normalization import EmbeddedFaces


def test_where_errors_are_lost():
    # Photographs 0 and 1 show A, 2 and 3 show B; then the four under masks.
    places = [0.0, 0.1, 10.0, 10.3, 0.2, 6.0, 10.1, np.nan]
    faces = EmbeddedFaces(
        np.array(places, np.float32)[:, None],
        np.array([0, 0, 1, 1] * 2, np.int32),
        np.array([0, 1, 2, 3] * 2, np.int32),
    )
    masked = np.arange(8) >= 4
    conditions = Conditions(None)
    conditions.bins["eyes"] = ["45 to 70", "below 20"] * 4
    conditions.eye_errors = [np.nan] * 4 + [0.01, 0.2, 0.03, np.nan]
    pairing = AllPairs(faces, faces, PairBudget(1000, 0))
    tables = by_property(
        ("eyes",), pairing, masked, conditions, True, Chance(0, rounds=20)
    )
    small, large = tables["eyes"]
    assert (small.name, large.name) == ("below 20", "45 to 70")
    assert (small.faces, small.failed, large.faces, large.failed) == (2, 1, 2, 0)
    assert small.eye_error == pytest.approx(0.2)
    assert large.eye_error == pytest.approx(0.02)
    # The nearest impostors are 4 (M-U) and 9.9 (U-U) apart: of the small faces one
    # is 6 from its person, and one was not found.
    assert (small.mu.value, large.mu.value) == (0, 1)
    assert (small.uu.value, large.uu.value) == (1, 1)
    assert (small.rank1.value, large.rank1.value) == (0, 1)
    assert (large.mu.low, large.mu.high) == (1, 1)


def test_people_count_alike_and_the_threshold_is_that_of_all_bins():
    # A has two masked probes in one bin, one of them far away, B has one in another.
    places = [0.0, 0.1, 0.2, 10.0, 10.3, 0.3, 5.5, 10.2]
    faces = EmbeddedFaces(
        np.array(places, np.float32)[:, None],
        np.array([0, 0, 0, 1, 1, 0, 0, 1], np.int32),
        np.array([0, 1, 2, 3, 4, 0, 1, 3], np.int32),
    )
    masked = np.arange(8) >= 5
    conditions = Conditions(None)
    conditions.bins["eyes"] = ["below 20"] * 7 + ["30 to 45"]
    conditions.eye_errors = [np.nan] * 8
    pairing = AllPairs(faces, faces, PairBudget(1000, 0))
    first, other = by_property(
        ("eyes",), pairing, masked, conditions, False, Chance(0, rounds=9)
    )["eyes"]
    # The nearest impostors are 4.5 apart: of A's four pairs 5.5 and 5.3 are not.
    assert (first.mu.value, other.mu.value) == (pytest.approx(0.5), 1)
    # Nobody tells from one person how much people differ.
    assert np.isnan(first.mu.low) and np.isnan(first.rank1.value)


GREY = np.full((40, 40, 3), 128, np.uint8)


def face(eyes_px=50.0, moved=(0.0, 0.0), crop=GREY):
    size = eyes_px / Landmarks(CANONICAL_FACE).interocular_px
    marks = Landmarks(CANONICAL_FACE * size + np.array(moved, np.float32))
    return AlignedFace("photo", landmarks=marks, crops=(crop,))


def test_eyes_that_moved_by_five_of_fifty_pixels_are_off_by_a_tenth():
    assert eye_error(face(), face(moved=(3, 4))) == pytest.approx(0.1)
    assert np.isnan(eye_error(face(), AlignedFace("photo", failure="none")))


def test_a_lower_edge_belongs_to_its_bin():
    found = [bin_of(value, (20, 30)) for value in (19.9, 20, 29.9, 30, np.nan)]
    assert found == ["below 20", "20 to 30", "20 to 30", "30 and more", UNKNOWN]


def test_a_rendered_copy_is_what_its_photograph_is():
    conditions = Conditions(lambda number: ("correct", "nose_out")[number])
    lost = AlignedFace("photo", failure="none")
    views = [
        View(0, NO_MASK, face(25)),
        View(0, "cloth", lost),
        View(1, NO_MASK, face(40)),
        View(1, "ffp2", face(40, moved=(2, 0))),
    ]
    assert list(conditions.noted(views)) == views
    assert conditions.bins["eyes"] == ["20 to 30"] * 2 + ["30 to 45"] * 2
    assert conditions.bins["mask"] == ["", "cloth", "", "ffp2"]
    assert conditions.bins["style"] == ["", "correct", "", "nose_out"]
    # 2 px of 40; where the masked face was not found nothing tells.
    assert conditions.bins["alignment"] == ["", UNKNOWN, "", "0.05 to 0.1"]


def test_a_real_mask_has_its_own_size_and_no_known_place():
    conditions = Conditions(None)
    list(conditions.noted([View(0, NO_MASK, face(25)), View(1, "cloth", face(80))]))
    assert conditions.bins["eyes"] == ["20 to 30", "70 and more"]
    assert conditions.bins["alignment"] == ["", UNKNOWN]


def test_all_that_can_be_asked_for_is_measured():
    assert EvaluateConfig(by="all").properties == PROPERTIES == tuple(BINS)
    assert EvaluateConfig(by="eyes, pose").properties == ("eyes", "pose")
    assert EvaluateConfig().properties == ()
    with pytest.raises(InvalidConfig, match=r"by must name some of .*got nose"):
        EvaluateConfig(by="eyes,nose")
