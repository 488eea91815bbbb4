import numpy as np
import torch

from training.data.batch_sampler import Batch
from training.data.chip_jitter import (
    Jitter,
    draw_jitter,
    jittered,
    jittered_together,
    jitters_of,
)


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
