from dataclasses import replace

import cv2
import numpy as np
import pytest

from masking.augment.photo_step import CHIP_GEOMETRY
from masking.datasets.images import read_rgb
from masking.errors import UnreadableImage
from masking.faces.alignment import ChipGeometry
from masking.landmarks import Landmarks
from masking.masks.spec import SpecConfig
from training.backbones.base import ARCFACE_CHIP
from training.data import chip_dataset
from training.data.chip_dataset import (
    CALM,
    ChipDataset,
    Degradation,
    InOrder,
    chip_loader,
    loaded,
)


def dataset(manifest, masked_fraction, degradation=CALM, seed=0):
    return ChipDataset(
        manifest.folder,
        manifest.faces(),
        manifest.geometry,
        ChipGeometry(),
        masked_fraction,
        SpecConfig(),
        degradation,
        seed,
    )


def test_calm_unmasked_chip_is_the_middle_of_the_recorded_one(small_manifest):
    chip, row = dataset(small_manifest, 0.0)[0, 3]
    recorded = read_rgb(small_manifest.folder / small_manifest.faces()[3].chip)
    assert row == 3
    margin = (recorded.shape[0] - 150) // 2
    middle = recorded[margin : margin + 150, margin : margin + 150]
    np.testing.assert_array_equal(chip.numpy().transpose(1, 2, 0), middle)


@pytest.mark.parametrize("wanted", [ChipGeometry(), ARCFACE_CHIP])
def test_stored_chips_show_more_than_any_network_reads(wanted):
    # Otherwise what training sees ends in a black band, and photos do not.
    back = cv2.invertAffineTransform(CHIP_GEOMETRY.matrix_to(wanted))
    end = wanted.size_px - 1
    corners = np.array([(0, 0), (end, 0), (0, end), (end, end)])
    shown = corners @ back[:, :2].T + back[:, 2]
    slack = 2 * Degradation().shift_px * CHIP_GEOMETRY.square_px / wanted.square_px
    assert shown.min() > slack
    assert shown.max() < CHIP_GEOMETRY.size_px - 1 - slack


def test_chance_depends_on_epoch_row_and_seed_alone(small_manifest):
    chips = dataset(small_manifest, 1.0, Degradation())
    again = dataset(small_manifest, 1.0, Degradation())
    other_seed = dataset(small_manifest, 1.0, Degradation(), seed=1)
    first = chips[1, 2][0].numpy()
    chips[0, 0]  # what was asked before must not matter
    np.testing.assert_array_equal(chips[1, 2][0].numpy(), first)
    np.testing.assert_array_equal(again[1, 2][0].numpy(), first)
    assert (chips[2, 2][0].numpy() != first).any()
    assert (other_seed[1, 2][0].numpy() != first).any()


def test_masked_fraction_masks_that_fraction(small_manifest):
    unmasked = dataset(small_manifest, 0.0)
    masked = dataset(small_manifest, 1.0)
    half = dataset(small_manifest, 0.5)
    changed = 0
    for row in range(len(unmasked)):
        plain = unmasked[0, row][0].numpy()
        assert (masked[0, row][0].numpy() != plain).mean() > 0.05
        changed += (half[0, row][0].numpy() != plain).any()
    assert 0.2 * len(unmasked) < changed < 0.8 * len(unmasked)


def test_in_order_keeps_the_last_short_batch():
    batches = list(InOrder(10, 4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert [row for batch in batches for _, row in batch] == list(range(10))


def test_loader_gives_uint8_batches(small_manifest):
    chips = dataset(small_manifest, 0.0)
    loader = chip_loader(chips, InOrder(len(chips), 5), workers=2)
    batch, rows = next(iter(loader))
    assert batch.shape == (5, 3, 150, 150)
    assert batch.numpy().dtype == np.uint8
    assert rows.tolist() == [0, 1, 2, 3, 4]


def test_a_network_that_wants_the_face_beside_the_middle_gets_it(small_manifest):
    row = small_manifest.faces()[0]
    chips = ChipDataset(
        small_manifest.folder,
        [row],
        small_manifest.geometry,
        ARCFACE_CHIP,
        0.0,
        SpecConfig(),
        CALM,
        0,
    )
    matrix = chips._matrix(np.random.default_rng(0))
    recorded = Landmarks(np.float32(row.chip_landmarks)).moved(matrix).points
    upper = np.r_[17:31, 36:48]
    away = recorded[upper] - ARCFACE_CHIP.targets()[upper]
    # The face was turned upright by these points: their mean is where it should be.
    assert np.abs(away.mean(axis=0)).max() < 0.2
    assert chips[0, 0][0].shape == (3, 112, 112)


def test_a_chip_that_another_process_cannot_read_is_one_sentence(
    small_manifest, tmp_path, monkeypatch
):
    monkeypatch.setattr(chip_dataset, "_WORTH_PROCESSES", 0)
    (tmp_path / "chip.png").write_bytes(b"")
    rows = [replace(small_manifest.faces()[0], chip="chip.png")]
    manifest = replace(small_manifest, folder=tmp_path, rows=tuple(rows))
    for workers in (0, 1):
        loader = chip_loader(dataset(manifest, 0.0), InOrder(1, 1), workers)
        with pytest.raises(UnreadableImage) as caught:
            list(loaded(loader))
        wanted = f"{tmp_path}/chip.png: the file is empty. Expected a photograph."
        assert str(caught.value) == wanted
