"""What faces of a picture are looked for by."""

from pathlib import Path

import numpy as np
import pytest
from faces_for_index import (
    BLUE,
    RED,
    ColourEmbedder,
    SquareFinder,
    covered_colour,
    draw_photo,
)

from index import probes
from index.chip_vectors import embed_probes
from index.probes import ProbeReader
from masking.errors import BadRecord
from training.mask_state import MaskState


def states(*masked):
    """Answers instead of the model, for chips from left to right."""
    return lambda chips, geometry: [MaskState(float(one), 0.0) for one in masked]


@pytest.mark.parametrize("masked", [(True, False), (False, True), (False, False)])
def test_masked_faces_are_covered_and_bare_ones_are_not(tmp_path, monkeypatch, masked):
    monkeypatch.setattr(probes, "mask_states", states(*masked))
    photo = draw_photo(tmp_path / "two.png", RED, BLUE)
    embedder = ColourEmbedder()
    probe = ProbeReader(embedder, SquareFinder()).read(photo.read_bytes(), photo)
    for face, colour in enumerate((RED, BLUE)):
        plain, under = np.array(colour) / 255, covered_colour(colour)
        wanted = under if masked[face] else plain
        np.testing.assert_allclose(probe.embeddings[face], wanted, atol=0.03)
    # Only masked ones take twice as long.
    assert embedder.embedded == 2 + sum(masked)


def test_a_picture_without_a_face_has_no_embedding():
    wall = np.full((100, 100, 3), 128, np.uint8)
    probe = ProbeReader(ColourEmbedder(), SquareFinder()).look(wall, Path("wall"), "")
    assert probe.embeddings.shape == (0, 3)
    assert probe.boxes == ()


def test_what_the_embedder_gives_is_left_as_it_is():
    kept = np.ones((2, 3), np.float32)

    class Keeping(ColourEmbedder):
        def embed(self, chips):
            return kept if len(chips) == 2 else super().embed(chips)

    chips = np.zeros((2, 3, 32, 32), np.uint8)
    rows = embed_probes(Keeping(), chips, np.array([True, False]))
    assert (rows[0] != 1).all()
    np.testing.assert_array_equal(kept, 1)


def test_an_embedding_that_is_none_is_refused(tmp_path):
    class Broken(ColourEmbedder):
        def embed(self, chips):
            return np.full((len(chips), 3), np.nan, np.float32)

    photo = draw_photo(tmp_path / "red.png", RED)
    with pytest.raises(BadRecord, match=r"red.png.* not finite"):
        ProbeReader(Broken(), SquareFinder()).read(photo.read_bytes(), photo)
