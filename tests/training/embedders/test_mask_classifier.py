"""Masked or unmasked, told from chips: the shipped model and its arithmetic."""

import numpy as np
import pytest

from masking.errors import BadRecord, MissingInput
from masking.faces.alignment import ChipGeometry
from masking.masks.spec import SpecConfig
from training.backbones.base import ARCFACE_CHIP
from training.data.chip_dataset import CALM, ChipDataset
from training.embedders.mask_classifier import (
    FEATURES,
    MODEL_FILE,
    MaskState,
    MaskStateModel,
    features,
    mask_states,
    read_model,
)

GEOMETRY = ChipGeometry()


def chips_of(manifest, masked_fraction, wanted=GEOMETRY, **specs):
    chips = ChipDataset(
        manifest.folder,
        manifest.faces(),
        manifest.geometry,
        wanted,
        masked_fraction,
        SpecConfig(**specs),
        CALM,
        0,
    )
    return np.stack([chips[0, row][0].numpy() for row in range(len(chips))])


def fraction_masked(chips, geometry=GEOMETRY):
    return np.mean([state.is_masked for state in mask_states(chips, geometry)])


def test_synthetic_people_are_told_apart(small_manifest):
    assert fraction_masked(chips_of(small_manifest, 0.0)) <= 0.1
    assert fraction_masked(chips_of(small_manifest, 1.0, wrongly_worn=0)) >= 0.9


def test_chips_of_another_geometry_show_the_same(small_manifest):
    tight = ChipGeometry(size_px=112, padding=0.1)
    masked = chips_of(small_manifest, 1.0, tight, wrongly_worn=0)
    assert fraction_masked(masked, tight) >= 0.9
    assert fraction_masked(chips_of(small_manifest, 0.0, tight), tight) <= 0.1
    # The same part of the face at the same scale gives nearly the same numbers.
    wide = chips_of(small_manifest, 0.0)
    same = chips_of(small_manifest, 0.0, ChipGeometry(200, 0.5))
    there = features(wide, GEOMETRY)
    np.testing.assert_allclose(features(same, ChipGeometry(200, 0.5)), there, atol=0.02)
    assert there.std(axis=0).max() > 0.1


def test_chips_whose_face_is_not_in_the_middle_show_the_same(small_manifest):
    """ArcFace's chip has the face low, and ends a little below the chin."""
    masked = chips_of(small_manifest, 1.0, ARCFACE_CHIP, wrongly_worn=0)
    assert fraction_masked(masked, ARCFACE_CHIP) >= 0.9
    unmasked = chips_of(small_manifest, 0.0, ARCFACE_CHIP)
    assert fraction_masked(unmasked, ARCFACE_CHIP) <= 0.1


def test_probabilities_are_the_logistic_of_weighted_features():
    rng = np.random.default_rng(0)
    chips = rng.integers(0, 256, (3, 3, 150, 150), dtype=np.uint8)
    weights = rng.normal(0, 0.05, (2, FEATURES)).astype(np.float32)
    model = MaskStateModel(weights, np.array([0.5, -40.0], dtype=np.float32))
    logits = features(chips, GEOMETRY) @ weights.T + [0.5, -40.0]
    states = model.states(chips, GEOMETRY)
    found = [[state.masked, state.nose_out] for state in states]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), rtol=1e-5)


@pytest.mark.parametrize(
    ("masked", "nose_out", "label"),
    [
        (0.1, 0.9, "unmasked"),
        (0.11, 0.9, "not sure"),
        (0.89, 0.1, "not sure"),
        (0.9, 0.49, "masked"),
        (0.9, 0.5, "masked, nose out"),
    ],
)
def test_state_in_words(masked, nose_out, label):
    assert MaskState(masked, nose_out).label == label


def test_a_mask_is_worn_where_it_is_more_likely_than_none():
    assert [MaskState(masked, 0.0).is_masked for masked in (0.49, 0.5)] == [False, True]


def test_gradients_are_counted_by_direction():
    # A vertical edge in the middle of the chip has a horizontal gradient: bin 0.
    chips = np.zeros((1, 3, 150, 150), dtype=np.uint8)
    chips[..., 75:] = 200
    across = features(chips, GEOMETRY)[0, : 7 * 7 * 36].reshape(7, 7, 4, 9)
    down = features(chips.transpose(0, 1, 3, 2).copy(), GEOMETRY)[0, : 7 * 7 * 36]
    down = down.reshape(7, 7, 4, 9)
    assert across[..., 1:].sum() == pytest.approx(0, abs=1e-6)
    assert across[:, 3, :, 0].min() > 0.4
    assert across[:, [0, 6]].sum() == 0
    # A horizontal one has a gradient of 90 degrees, between bins 4 and 5.
    np.testing.assert_allclose(down[..., 4], down[..., 5], atol=1e-5)
    assert down[3, :, :, 4].min() > 0.3


def test_colours_are_relative_to_the_upper_face():
    chips = np.full((2, 3, 150, 150), 120, dtype=np.uint8)
    chips[1, :, 100:] = 40
    plain, lower = features(chips, GEOMETRY)[:, 7 * 7 * 36 :].reshape(2, 2, 8, 8, 3)
    assert np.abs(plain).max() < 1e-5
    assert np.abs(lower[:, :4]).max() < 1e-5
    assert lower[0, 7, :, 0].max() < -0.3  # darker
    np.testing.assert_allclose(lower[1], np.abs(lower[0]))


def test_wrong_chips_are_refused():
    with pytest.raises(ValueError, match="uint8 chips"):
        mask_states(np.zeros((1, 3, 149, 149), np.uint8), GEOMETRY)
    with pytest.raises(ValueError, match="uint8 chips"):
        mask_states(np.zeros((1, 3, 150, 150), np.float32), GEOMETRY)


def test_no_chip_has_no_state():
    assert mask_states(np.zeros((0, 3, 150, 150), np.uint8), GEOMETRY) == ()


def test_damaged_models_are_refused(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(MissingInput):
        read_model(path)
    path.write_bytes(MODEL_FILE.read_bytes()[:-100])
    with pytest.raises(BadRecord, match="damaged"):
        read_model(path)
    good = {"weights": np.zeros((2, FEATURES)), "offsets": np.zeros(2)}
    for change, problem in (
        ({"format_version": 2}, "format version 2"),
        ({"weights": np.zeros((2, 5))}, "weights"),
        ({"offsets": np.array([0, np.nan])}, "not finite"),
    ):
        np.savez(path, **({"format_version": 1} | good | change))
        with pytest.raises(BadRecord, match=problem):
            read_model(path)
