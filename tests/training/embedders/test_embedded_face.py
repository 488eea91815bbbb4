"""An embedded face refuses what is no embedding, and keeps its face beside it."""

import numpy as np
import pytest

from masking.errors import BadRecord
from masking.faces.aligned_faces import AlignedFace
from tests.fakes.faces_for_index import ColourEmbedder
from training.embedders.embedded_face import EmbeddedFace, embed_faces
from training.embedders.masked_reference import embed_both

CROP = np.full((32, 32, 3), (51, 102, 204), np.uint8)
FACE = AlignedFace("a.jpg", crops=(CROP,))
GOOD = np.array([1, 0, 0, 0], np.float32)


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
