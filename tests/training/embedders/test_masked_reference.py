"""Unmasked chips under a mask: the lower face is covered, and nothing else changes."""

import numpy as np
import pytest

from masking.faces.alignment import ChipGeometry, crop_chip
from tests.fakes.drawn_faces import drawn_face
from training.embedders.masked_reference import masked_references, under_mask

GEOMETRIES = [ChipGeometry(), ChipGeometry(size_px=112, padding=0.0)]


class MeanColour:
    """A chip's mean colour."""

    name, dimension, metric = "mean", 3, "euclidean"
    fingerprint = "f" * 64
    geometry = ChipGeometry()

    def embed(self, chips):
        return chips.mean(axis=(2, 3)).astype(np.float32).reshape(-1, 3)


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
