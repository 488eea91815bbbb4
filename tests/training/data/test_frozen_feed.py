import dataclasses

import numpy as np
import pytest
import torch

from masking.errors import InvalidConfig
from training.backbones.registry import make_network
from training.config import TrainConfig
from training.data.batch_plan import PlanRules, plan_epoch
from training.data.frozen_feed import FrozenFeed
from training.data.map_cache import MapCache
from training.distributed import Processes
from training.run.trained_part import freeze, trained_part

LABELS = np.array([0, 0, 1, 1, 2])
CPU = torch.device("cpu")


class CountedChips:
    """Chip of a row in a variant: 10 * variant + row; counts what is asked for."""

    steps = 2

    def __init__(self, variants):
        self.variants, self.made = variants, 0

    def plans(self, number):
        rules = PlanRules(2, 0, 0.5, 0, 0)
        return [
            dataclasses.replace(plan, variant=number % self.variants)
            for plan in plan_epoch(LABELS, rules, number)
        ]

    def chips(self, plans):
        for plan in plans:
            self.made += len(plan.rows)
            value = torch.from_numpy(10.0 * plan.variant + plan.rows).float()
            yield plan, value[:, None, None, None].expand(-1, 3, 4, 4)


class Early(torch.nn.Module):
    def forward(self, chips):
        return chips[:, :2, :2, :2] + 0.5


def feed_of(tmp_path, variants=2):
    chips = CountedChips(variants)
    cache = MapCache(tmp_path / "maps.npy", variants, len(LABELS))
    return chips, FrozenFeed(chips, Early(), CPU, False, cache)


def test_each_variant_of_a_chip_is_made_once_and_read_afterwards(tmp_path):
    chips, feed = feed_of(tmp_path)
    for number in range(12):
        for plan, maps in feed.epoch(number):
            wanted = 10.0 * plan.variant + torch.from_numpy(plan.rows) + 0.5
            assert maps.shape == (2, 2, 2, 2) and maps.dtype == torch.float32
            assert torch.equal(maps[:, 0, 0, 0], wanted.float())
    # Two batches of two in each epoch leave a row out, another one each time.
    assert 10 <= chips.made <= 16 < 12 * 4


def test_a_new_process_finds_the_maps_of_whole_epochs(tmp_path):
    _, feed = feed_of(tmp_path)
    first = [maps for _, maps in feed.epoch(0)]
    stream = feed.epoch(1)
    next(stream)  # killed in the middle
    chips, again = feed_of(tmp_path)
    second = [maps for _, maps in again.epoch(0)]
    assert chips.made == 0
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    list(again.epoch(1))
    assert chips.made == 4


def test_without_a_cache_every_chip_is_fresh(tmp_path):
    chips = CountedChips(1)
    feed = FrozenFeed(chips, Early(), CPU, False, None)
    for number in range(3):
        assert len(list(feed.epoch(number))) == 2
    assert chips.made == 12 and not list(tmp_path.iterdir())


def test_frozen_stages_stay_as_they_are():
    network = make_network("dlib", 1).train()
    config = TrainConfig(freeze_stages=2)
    early = freeze(network, 2)
    part = trained_part(network, config, CPU, Processes())
    before = {n: t.clone() for n, t in network.state_dict().items()}
    chips = torch.rand(2, 3, 150, 150) * 255
    maps = early(chips)
    assert maps.shape == (2, 64, 17, 17) and not maps.requires_grad
    assert torch.equal(part(maps), network(chips))
    part(maps).sum().backward()
    trainable = [p for p in network.parameters() if p.requires_grad]
    torch.optim.SGD(trainable, 0.1).step()
    after = network.state_dict()
    changed = {n for n in before if not torch.equal(before[n], after[n])}
    assert "head.project.weight" in changed
    assert not any(n.startswith(("stem.", "blocks.0.", "blocks.6.")) for n in changed)
    assert any(n.startswith("blocks.7.") for n in changed)


def test_something_must_be_left_to_train():
    network = make_network("dlib", 1)
    with pytest.raises(InvalidConfig, match="at most 4 for the backbone dlib, got 5"):
        freeze(network, 5)
    with pytest.raises(InvalidConfig, match="shared-masks must be 0"):
        TrainConfig(
            cached_variants=3, samples_per_person=0, head="none", shared_masks=0.2
        )


def kept_epoch(tmp_path):
    """The cache of one whole epoch, what it gave, and how many chips were made."""
    chips, feed = feed_of(tmp_path)
    return [maps for _, maps in feed.epoch(0)], chips.made


@pytest.mark.parametrize("damage", ["empty", "cut", "other"])
@pytest.mark.parametrize("file", ["maps.npy", "maps.sums.npz"])
def test_a_damaged_cache_of_maps_is_made_again(tmp_path, file, damage):
    first, made = kept_epoch(tmp_path)
    assert made == 4
    data = (tmp_path / file).read_bytes()
    broken = {"empty": b"", "cut": data[: len(data) // 2], "other": b"x" * len(data)}
    (tmp_path / file).write_bytes(broken[damage])
    again, made = kept_epoch(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert made in (2, 4)
    # What was made again is kept.
    assert kept_epoch(tmp_path)[1] == 0


def test_a_chip_whose_bits_were_turned_is_made_again(tmp_path):
    """Every chip has 2 * 2 * 2 halves; a batch of two is made again for one."""
    first, _ = kept_epoch(tmp_path)
    path = tmp_path / "maps.npy"
    data = bytearray(path.read_bytes())
    row = int(feed_of(tmp_path)[0].plans(0)[0].rows[0])
    data[len(data) - 2 * 5 * 16 + 16 * row] ^= 1
    path.write_bytes(data)
    again, made = kept_epoch(tmp_path)
    assert made == 2
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_maps_of_another_kind_are_not_read(tmp_path):
    first, _ = kept_epoch(tmp_path)
    path = tmp_path / "maps.npy"
    # Same bytes, read as other numbers.
    path.write_bytes(path.read_bytes().replace(b"'<f2'", b"'<i2'"))
    again, made = kept_epoch(tmp_path)
    assert made == 4
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
