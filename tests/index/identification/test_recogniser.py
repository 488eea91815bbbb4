"""Who a face is: enough people are searched for the right one to be among them."""

import numpy as np
import pytest

from index.calibration.decision import NO_NEARER
from index.gallery.gallery import open_or_create_gallery
from index.identification import recogniser as recognition
from index.identification.config import IdentifyConfig
from masking.faces.finder import AlignedFace
from tests.fakes.drawn_calibrations import flat_calibration
from tests.fakes.faces_for_index import ColourEmbedder
from training.embedders.embedded_face import EmbeddedFace
from training.embedders.mask_classifier import MaskState

OTHERS = 40


def photo(name, unmasked, masked_reference=None):
    """A photo of an unmasked face, and its embedding under a mask."""
    vectors = [
        np.array(v, np.float32) if v else None for v in (unmasked, masked_reference)
    ]
    chip = np.zeros((8, 8, 3), np.uint8)
    face = AlignedFace("folder/photo.jpg", name, crops=(chip,))
    return name, EmbeddedFace(face, vectors[0], False, vectors[1])


@pytest.fixture
def gallery(tmp_path):
    """The right person, and others whose templates for masked faces are nearer."""
    with open_or_create_gallery(tmp_path / "gallery", ColourEmbedder()) as opened:
        opened.set_calibration(flat_calibration().to_json())
        opened.add([photo("Right", [0, 0.2, 0])])
        for i in range(OTHERS):
            near, far = [0.001 * i, 0, 0], [9, i, 0]
            opened.add([photo(f"Person_{i:02d}", far, masked_reference=near)])
        yield opened


@pytest.mark.parametrize("engine", ["exact", "annoy"])
def test_templates_for_masked_faces_do_not_crowd_out_a_unmasked_one(
    gallery, engine, monkeypatch
):
    unmasked = [MaskState(0.01, 0.5)]
    monkeypatch.setattr(recognition, "mask_states", lambda *_: unmasked)
    config = IdentifyConfig(engine=engine)
    found = recognition.Recogniser(gallery, ColourEmbedder.geometry, config).decide(
        EmbeddedFace(
            AlignedFace("probe", crops=(np.zeros((8, 8, 3), np.uint8),)),
            np.zeros(3, np.float32),
        )
    )
    assert found.name == "Right"
    assert found.matches[0].distance == pytest.approx(0.2)
    # Of the others only the far templates for unmasked faces count.
    assert all(match.distance >= 9 for match in found.matches[1:])
    assert len(found.matches) == OTHERS + 1


@pytest.mark.parametrize("engine", ["exact", "annoy"])
def test_whoever_has_the_highest_score_is_found_however_many_are_nearer(
    tmp_path, engine, monkeypatch
):
    """Means of many photos have to be nearer, so a farther single photo may win."""
    monkeypatch.setattr(recognition, "mask_states", lambda *_: [MaskState(0.01, 0.5)])
    with open_or_create_gallery(tmp_path / "gallery", ColourEmbedder()) as opened:
        opened.set_calibration(flat_calibration(0.5, spread=0.4).to_json())
        for i in range(70):
            near = [0.6 + 0.0001 * i, 0, 0]
            opened.add([photo(f"Crowd_{i:02d}", near)])
            other = EmbeddedFace(
                AlignedFace("", f"more {i}", crops=(np.zeros((8, 8, 3), np.uint8),)),
                np.array(near, np.float32),
                False,
                None,
            )
            opened.add([(f"Crowd_{i:02d}", other)])
        opened.add([photo("Right", [0.65, 0, 0])])
        config = IdentifyConfig(engine=engine)
        probe = AlignedFace("probe", crops=(np.zeros((8, 8, 3), np.uint8),))
        # With thresholds as they are, though the crowd is alike.
        recogniser = recognition.Recogniser(
            opened, ColourEmbedder.geometry, config, NO_NEARER
        )
        found = recogniser.decide(EmbeddedFace(probe, np.zeros(3, np.float32)))
    # 100 * (0.5 - 0.4225) of one photo; of two 100 * (0.5 * 0.8 - 0.36).
    assert [m.score for m in found.matches[:2]] == pytest.approx([7.75, 4], abs=0.01)
    assert found.name == "Right"
