"""People enrolled and identified by a program."""

from pathlib import Path

import numpy as np
import pytest

from index.api.gallery import FaceGallery
from index.api.pictures import read_picture, sample_people
from masking.errors import InvalidConfig, MissingInput, NoFace
from masking.faces.landmark_predictor import LandmarkPredictor

ROOT = Path(__file__).resolve().parents[3]


def test_people_are_enrolled_from_arrays(tmp_path):
    ada, ben = (sorted(one.iterdir()) for one in sorted(sample_people().iterdir())[6:8])
    with FaceGallery(tmp_path) as gallery:
        with pytest.raises(MissingInput, match="nobody is enrolled"):
            gallery.identify(read_picture(ada[0]))
        with pytest.raises(MissingInput, match="no photo was given"):
            gallery.enroll("Ada", [])
        with pytest.raises(InvalidConfig, match="path"):
            gallery.enroll("../Ada", ada)
        grey = np.full((60, 60, 3), 128, np.uint8)
        with pytest.raises(NoFace, match=r"picture-1\.png: no face found"):
            gallery.enroll("Ada", [grey])
        assert gallery.enroll("Ada", list(map(read_picture, ada[:3]))).failures == {}
        (found,) = gallery.identify(read_picture(ada[3]))
        assert found.name == "Ada"
        # The recogniser follows the gallery.
        assert len(gallery.enroll("Ben", ben[:3]).added) == 3
        (found,) = gallery.identify(read_picture(ben[-1]))
        assert found.name == "Ben"
        assert gallery.people() == ["Ada", "Ben"]
        assert gallery.identify(grey) == []
        with pytest.raises(NoFace, match="looks like Ada"):
            gallery.enroll("Cem", [read_picture(ada[3])])


def test_five_points_need_no_landmark_model(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise AssertionError("a landmark model was loaded")

    monkeypatch.setattr(LandmarkPredictor, "__init__", refused)
    people = sorted(sample_people().iterdir())
    with FaceGallery(tmp_path, "shipped", five_points=True) as gallery:
        for name, person in (("Ada", people[6]), ("Ben", people[20])):
            report = gallery.enroll(name, sorted(person.iterdir())[:3])
            assert len(report.added) == 3
        (found,) = gallery.identify(read_picture(ROOT / "masked.jpg"))
    assert found.name == "Ada"
