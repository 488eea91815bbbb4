from typing import Any

import numpy as np
import torch

from masking.faces.alignment import ChipGeometry
from masking.masks.spec import SpecConfig, draw_all
from masking.rendering.render import photo_look, render
from tests.fakes.drawn_faces import drawn_face
from training.config import TrainConfig
from training.data.batch_sampler import Batch
from training.data.chip_dataset import CALM, Degradation
from training.data.train_data import read_train_data
from training.data.train_loader import (
    Jitter,
    OnlineMasks,
    TrainLoader,
    degraded,
    draw_jitter,
    jittered,
    jittered_together,
    jitters_of,
)
from training.distributed import Processes

SIDE_PX = 112
CPU = torch.device("cpu")
GEOMETRY = ChipGeometry(96)


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
        (specs,) = draw_all(4, [f"2/{row}"], SpecConfig())
        expected = render(faces[row][0], faces[row][1], specs).pixels.astype(int)
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


def one(jitter, chip):
    return jittered(chip[None], [jitter])[0]


def chip_of(*colour):
    """A chip of 4 px of one colour whose left column is black."""
    chip = torch.tensor(colour, dtype=torch.uint8)[:, None, None].repeat(1, 4, 4)
    chip[:, :, 0] = 0
    return chip


def test_each_change_by_hand():
    chip = chip_of(100, 200, 50)
    assert torch.equal(one(Jitter(), chip), chip.float())
    assert torch.equal(one(Jitter(mirrored=True), chip)[:, :, 3], torch.zeros(3, 4))
    lit = one(Jitter(contrast=1.2, brightness=0.1), chip)
    # 1.2 * 100 + 25.5; 200 is cut at 255; black is lifted.
    torch.testing.assert_close(lit[:, 0, 1], torch.tensor([145.5, 255.0, 85.5]))
    torch.testing.assert_close(lit[:, 0, 0], torch.full((3,), 25.5))
    grey = one(Jitter(grey=True), chip)
    wanted = 0.299 * 100 + 0.587 * 200 + 0.114 * 50
    torch.testing.assert_close(grey[:, 0, 1], torch.full((3,), wanted))
    # The middle two columns of the upper half.
    holed = one(Jitter(hole=(0.25, 0.0, 0.75, 0.5)), chip_of(9, 9, 9))
    assert (holed[0] == 0).tolist() == [
        [True, True, True, False],
        [True, True, True, False],
        [True, False, False, False],
        [True, False, False, False],
    ]


def test_chips_of_a_batch_are_changed_each_in_its_own_way():
    chips = torch.stack([chip_of(100, 200, 50)] * 3)
    both = [Jitter(grey=True), Jitter(), Jitter(mirrored=True, contrast=0.5)]
    together = jittered(chips, both)
    for row, jitter in enumerate(both):
        assert torch.equal(together[row], one(jitter, chips[row]))


def test_a_gpu_jitters_as_a_cpu_does():
    rng = np.random.default_rng(5)
    chips = torch.from_numpy(rng.integers(0, 256, (64, 3, 25, 25), np.uint8))
    drawn = [draw_jitter(np.random.default_rng([5, n])) for n in range(64)]
    assert any(jitter.grey for jitter in drawn)
    assert any(any(jitter.hole) for jitter in drawn)
    torch.testing.assert_close(jittered_together(chips, drawn), jittered(chips, drawn))


def test_jitter_depends_on_row_view_and_epoch_alone():
    rows, views = np.array([4, 4, 7]), np.array([0, 1, 0])
    batch = Batch(2, 9, rows, views, rows > 0, rows)
    whole = jitters_of(batch, seed=1)
    assert jitters_of(batch.micro_batch(2, 3), 1) == whole[2:]
    assert len(set(whole)) == 3
    later = Batch(3, 9, rows, views, rows > 0, rows)
    assert jitters_of(later, 1)[0] != whole[0] != jitters_of(batch, 2)[0]


def test_fractions_of_what_is_drawn():
    drawn = [draw_jitter(np.random.default_rng([3, n])) for n in range(4000)]
    fraction = {
        "mirrored": np.mean([item.mirrored for item in drawn]),
        "coloured": np.mean([item.contrast != 1 for item in drawn]),
        "grey": np.mean([item.grey for item in drawn]),
        "holed": np.mean([item.hole[2] > 0 for item in drawn]),
    }
    wanted = {"mirrored": 0.5, "coloured": 0.6, "grey": 0.08, "holed": 0.1}
    for name, value in wanted.items():
        assert abs(fraction[name] - value) < 0.03, name
    contrast = [item.contrast for item in drawn]
    assert 0.75 <= min(contrast) < 0.76 and 1.29 < max(contrast) <= 1.3
    brightness = [item.brightness for item in drawn]
    assert -0.3 <= min(brightness) < -0.29 and 0.29 < max(brightness) <= 0.3
    for left, top, right, bottom in (item.hole for item in drawn if item.hole[2]):
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
        assert 0.0099 < (right - left) * (bottom - top) < 0.0601


def loader_of(manifest, folder, **options):
    usual: dict[str, Any] = {
        "samples_per_person": 0,
        "head": "none",
        "batch_size": 4,
        "workers": 1,
    }
    config = TrainConfig(validation_fraction=0.3, **(usual | options))
    data = read_train_data(manifest, config, None, 1, folder)
    return TrainLoader(data, GEOMETRY, config, CPU, 0, Processes()), data


def by_row(loader, number):
    return {
        int(row): chip
        for batch, chips in loader.epoch(number)
        for row, chip in zip(batch.rows, chips, strict=True)
    }


def test_masks_are_fresh_in_every_epoch(small_manifest, tmp_path):
    loader, _ = loader_of(small_manifest, tmp_path, masked_fraction=1.0)
    first, second = by_row(loader, 0), by_row(loader, 1)
    same = [
        np.array_equal(first[row], second[row]) for row in first.keys() & second.keys()
    ]
    assert same and not any(same)
