"""What a recogniser says about its threshold."""

import pytest
from drawn_calibrations import flat_calibration
from test_gallery import FakeEmbedder, photo

from index import recognition
from index.gallery import open_or_create_gallery
from index.identify_config import IdentifyConfig
from masking.alignment import ChipGeometry


@pytest.fixture
def gallery(tmp_path):
    with open_or_create_gallery(tmp_path, FakeEmbedder()) as opened:
        opened.add([photo(f"Person_{i:02d}", [3, i, 0, 0]) for i in range(4)])
        yield opened


def note_of(gallery, **options):
    config = IdentifyConfig(engine="exact", **options)
    return recognition.Recogniser(gallery, ChipGeometry(), config).note()


def test_where_the_threshold_comes_from(gallery, monkeypatch):
    assert note_of(gallery).startswith("Default threshold for 4 people, not calibrated")
    gallery.set_calibration(flat_calibration(0.5))
    assert note_of(gallery, fpir=0.02) == (
        "Threshold calibrated for 4 people: about 2% of strangers get a name."
    )
    monkeypatch.setattr(recognition, "LEAST_PEOPLE", 4)
    assert "for 4 people and the next ten: about 1%" in note_of(gallery)
    assert note_of(gallery, threshold=0.4).startswith("Threshold set by hand")
