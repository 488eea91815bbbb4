"""What a face looks like, on faces and crops whose numbers are known."""

import numpy as np
import pytest

from index.datasets.views import View
from index.evaluation.conditions import BINS, UNKNOWN, Conditions, bin_of, eye_error
from index.evaluation.config import PROPERTIES, EvaluateConfig
from masking.datasets.collections import NO_MASK
from masking.errors import InvalidConfig
from masking.faces.finder import AlignedFace
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import Landmarks

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
