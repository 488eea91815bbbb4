import numpy as np
import torch

from masking.faces.alignment import ChipGeometry
from training.config import TrainConfig
from training.data.chip_feed import ChipFeed
from training.data.map_cache import MapCache
from training.data.train_data import read_train_data
from training.distributed import Processes

CPU = torch.device("cpu")
GEOMETRY = ChipGeometry(96)


def feed_of(manifest, folder, cache=None, **options):
    usual = {"samples_per_person": 0, "head": "none", "batch_size": 4, "workers": 1}
    config = TrainConfig(validation_fraction=0.3, **(usual | options))
    data = read_train_data(manifest, config, None, 1, folder)
    return ChipFeed(data, GEOMETRY, config, CPU, 0, Processes(), cache), data


def by_row(feed, number):
    return {
        int(row): chip
        for plan, chips in feed.epoch(number)
        for row, chip in zip(plan.rows, chips, strict=True)
    }


def test_kept_paintings_come_again_in_other_light(small_manifest, tmp_path):
    made = []

    class Counted(MapCache):
        def write(self, plan, maps):
            made.extend(plan.rows.tolist())
            assert maps.dtype == torch.uint8
            super().write(plan, maps)

    _, data = feed_of(small_manifest, tmp_path)
    cache = Counted(tmp_path / "rendered.npy", 2, len(data.rows))
    feed, _ = feed_of(small_manifest, tmp_path, cache, cached_variants=2)
    for number in range(8):
        epoch = list(feed.epoch(number))
        assert all(plan.variant == number % 2 for plan, _ in epoch)
        assert all(plan.epoch == number for plan, _ in epoch)
    # Rows that the short last batch left out bring their batch with them.
    whole = 4 * feed.steps
    assert 2 * whole <= len(made) < 4 * whole
    plans = [plan for plan in feed.plans(0) if cache.knows(plan)]
    first = cache.read(plans[0])
    light = [feed.prepare(first, plan) for plan in (plans[0], feed.plans(2)[0])]
    assert not torch.equal(*light)


def test_a_kept_rendering_is_the_fresh_one(small_manifest, tmp_path):
    fresh, data = feed_of(small_manifest, tmp_path)
    cache = MapCache(tmp_path / "rendered.npy", 3, len(data.rows))
    kept, _ = feed_of(small_manifest, tmp_path, cache, cached_variants=3)
    wanted, first, again = by_row(fresh, 1), by_row(kept, 1), by_row(kept, 1)
    assert wanted.keys() == first.keys() == again.keys()
    for row, chip in wanted.items():
        assert torch.equal(chip, first[row]) and torch.equal(chip, again[row])


def test_masks_are_fresh_in_every_epoch_without_a_cache(small_manifest, tmp_path):
    feed, _ = feed_of(small_manifest, tmp_path, masked_fraction=1.0)
    first, second = by_row(feed, 0), by_row(feed, 1)
    same = [
        np.array_equal(first[row], second[row]) for row in first.keys() & second.keys()
    ]
    assert same and not any(same)
