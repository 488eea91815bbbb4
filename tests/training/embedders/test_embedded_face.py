import numpy as np
import pytest

from masking.errors import BadRecord
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.finder import AlignedFace
from masking.landmarks import Float32, Image
from tests.fakes.drawn_faces import drawn_face
from tests.fakes.faces_for_index import ColourEmbedder
from tests.fakes.galleries import FakeEmbedder
from training.embedders.embedded_face import (
    EmbeddedFace,
    embed_both,
    embed_faces,
    masked_references,
    under_mask,
)

GEOMETRIES = [ChipGeometry(), ChipGeometry(size_px=112, padding=0.0)]
CROP = np.full((32, 32, 3), (51, 102, 204), np.uint8)
FACE = AlignedFace("a.jpg", crops=(CROP,))
GOOD = np.array([1, 0, 0, 0], np.float32)


class MeanColour(FakeEmbedder):
    """A chip's mean colour."""

    dimension = 3
    geometry = ChipGeometry()

    def embed(self, chips: Image) -> Float32:
        return np.asarray(chips.mean(axis=(2, 3)), np.float32).reshape(-1, 3)


def chips_of(geometry):
    """(2, 3, S, S): a drawn face, and one in half of the light."""
    picture, landmarks = drawn_face(300)
    bright = crop_chip(picture, landmarks, geometry, "drawn").pixels
    return np.stack([bright, bright // 2]).transpose(0, 3, 1, 2).copy()


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_mask_covers_mouth_and_nose_and_no_eyes(geometry):
    chips = chips_of(geometry)
    rendered = under_mask(chips, geometry)
    assert (rendered.shape, rendered.dtype) == (chips.shape, np.uint8)
    points = geometry.targets()
    # Points 36 to 47 are the eyes, 48 to 67 is the mouth.
    below_eyes = int(points[36:48, 1].max()) + 1
    np.testing.assert_array_equal(rendered[:, :, :below_eyes], chips[:, :, :below_eyes])
    left, top = points[48:68].min(axis=0).astype(int)
    right, bottom = points[48:68].max(axis=0).astype(int)
    mouth = np.s_[:, :, top:bottom, left:right]
    change = np.abs(rendered[mouth].astype(int) - chips[mouth]).max(axis=1)
    assert (change > 20).mean() > 0.9


def test_the_chips_are_left_as_they_are():
    chips = chips_of(ChipGeometry())
    before = chips.copy()
    under_mask(chips, ChipGeometry())
    np.testing.assert_array_equal(chips, before)


def test_every_chip_has_the_same_bytes_each_time_and_in_any_batch():
    chips = chips_of(ChipGeometry())
    both = under_mask(chips, ChipGeometry())
    np.testing.assert_array_equal(under_mask(chips, ChipGeometry()), both)
    np.testing.assert_array_equal(under_mask(chips[1:], ChipGeometry()), both[1:])


def test_without_chips_there_is_nothing_to_cover():
    chips = chips_of(ChipGeometry())[:0]
    assert under_mask(chips, ChipGeometry()).shape == (0, 3, 150, 150)
    embedder = MeanColour()
    rows = masked_references(embedder, chips, embedder.embed(chips))
    assert (rows.shape, rows.dtype) == ((0, 3), np.float32)


def test_masked_faces_are_compared_with_the_mean_of_both_embeddings():
    chips, embedder = chips_of(ChipGeometry()), MeanColour()
    unmasked = embedder.embed(chips)
    under = embedder.embed(under_mask(chips, embedder.geometry))
    assert (np.abs(under - unmasked) > 1).any(axis=1).all()
    rows = masked_references(embedder, chips, unmasked)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, (unmasked + under) / 2, rtol=1e-6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused(wrong):
    bad = np.array([0, wrong, 0, 0], np.float32)
    for vectors in ((bad, None), (GOOD, bad)):
        with pytest.raises(BadRecord, match=r"^a\.jpg: its embedding is not finite"):
            EmbeddedFace(FACE, vectors[0], False, vectors[1])


def test_vectors_of_an_impossible_norm_are_refused():
    # 1e20 squared is more than float32 holds.
    for length in (2e6, 1e20):
        bad = np.float32(length) * GOOD
        for vectors in ((bad, None), (GOOD, bad)):
            with pytest.raises(BadRecord, match=r"norm .*, expected at most 1e\+06"):
                EmbeddedFace(FACE, vectors[0], False, vectors[1])
    assert EmbeddedFace(FACE, np.float32(0.9e6) * GOOD).masked is None


def test_faces_are_embedded_in_their_order():
    other = AlignedFace("b.jpg", crops=(255 - CROP,))
    embedded = embed_faces(ColourEmbedder(), [FACE, other])
    assert [face.face for face in embedded] == [FACE, other]
    wanted = [[0.2, 0.4, 0.8], [0.8, 0.6, 0.2]]
    np.testing.assert_allclose([face.embedding for face in embedded], wanted, atol=1e-6)
    assert embed_faces(ColourEmbedder(), []) == []


def test_only_unmasked_faces_get_a_masked_reference():
    chips = np.stack([CROP, CROP]).transpose(0, 3, 1, 2)
    rows, references = embed_both(ColourEmbedder(), chips, np.array([True, False]))
    np.testing.assert_allclose(rows, [[0.2, 0.4, 0.8]] * 2, atol=1e-6)
    assert references[1] is None
    assert np.abs(references[0] - rows[0]).max() > 0.01
