"""Masks that training renders on its device, chip by chip the same in any batch."""

import numpy as np
import torch

from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import photo_look, render
from tests.fakes.drawn_faces import drawn_face
from training.data.batch_sampler import Batch
from training.data.chip_dataset import CALM, Degradation
from training.data.online_masks import OnlineMasks, degraded

SIDE_PX = 112


def batch_of(masked, ids=None, epoch=2):
    rows = np.arange(len(masked))
    return Batch(
        epoch,
        0,
        rows,
        np.zeros_like(rows),
        np.array(masked),
        rows if ids is None else np.array(ids),
    )


def inputs(count):
    faces = [drawn_face(SIDE_PX, 0.55 + 0.05 * number) for number in range(count)]
    chips = torch.from_numpy(np.stack([pixels for pixels, _ in faces]))
    marks = torch.from_numpy(np.stack([marks.points for _, marks in faces]))
    looks = torch.tensor([photo_look(*face).to_list() for face in faces])
    return faces, chips.permute(0, 3, 1, 2).contiguous(), marks, looks


def test_the_masks_of_a_plan_are_rendered():
    masks = OnlineMasks(torch.device("cpu"), SpecConfig(), CALM, seed=4)
    faces, chips, marks, looks = inputs(3)
    rendered = masks(chips, marks, looks, batch_of([True, False, True]))
    np.testing.assert_array_equal(rendered[1], chips[1])
    for row in (0, 2):
        specs = draw_specs(sample_rng(4, f"2/{row}"), SpecConfig())
        expected = render(*faces[row], specs).pixels.astype(int)
        found = rendered[row].permute(1, 2, 0).numpy()
        assert np.abs(found - expected).mean() < 1
        assert (rendered[row] != chips[row]).float().mean() > 0.1


def test_the_same_id_is_the_same_mask():
    masks = OnlineMasks(torch.device("cpu"), SpecConfig(), CALM, seed=4)
    _, chips, marks, looks = inputs(2)
    twice = chips[[0, 0]], marks[[0, 0]], looks[[0, 0]]
    one = masks(*twice, batch_of([True, True], ids=[7, 7]))
    two = masks(*twice, batch_of([True, True], ids=[7, 8]))
    np.testing.assert_array_equal(one[0], one[1])
    assert (two[0] != two[1]).float().mean() > 0.05
    later = masks(*twice, batch_of([True, True], ids=[7, 7], epoch=3))
    assert (later[0] != one[0]).float().mean() > 0.05


def test_a_chip_is_the_same_in_another_batch():
    masks = OnlineMasks(torch.device("cpu"), SpecConfig(), Degradation(), seed=4)
    _, chips, marks, looks = inputs(4)
    whole = masks(chips, marks, looks, batch_of([True] * 4))
    batch = batch_of([True] * 4).micro_batch(1, 2)
    part = masks(chips[2:], marks[2:], looks[2:], batch)
    assert (part.int() - whole[2:].int()).abs().max() <= 2


def test_chips_are_worn_out_by_chance():
    _, chips, _, _ = inputs(1)
    texture = torch.from_numpy(
        np.random.default_rng(0).integers(0, 255, (3, SIDE_PX, SIDE_PX), np.uint8)
    )
    rng = np.random.default_rng(1)
    coarse = degraded(texture, Degradation(coarse_fraction=1, jpeg_fraction=0), rng)
    # Noise loses most of its contrast when the picture is reduced.
    assert coarse.float().std() < 0.7 * texture.float().std()
    jpeg = degraded(chips[0], Degradation(coarse_fraction=0, jpeg_fraction=1), rng)
    assert jpeg.shape == chips[0].shape
    difference = (jpeg.int() - chips[0].int()).abs().float()
    assert 0 < difference.mean() < 8
    np.testing.assert_array_equal(degraded(texture, CALM, rng), texture)
