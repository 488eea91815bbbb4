import numpy as np
import torch

from masking.faces.alignment import ChipGeometry
from training.config import TrainConfig
from training.data.chip_feed import ChipFeed
from training.data.train_data import read_train_data
from training.distributed import Processes

CPU = torch.device("cpu")
GEOMETRY = ChipGeometry(96)


def feed_of(manifest, folder, **options):
    usual = {"samples_per_person": 0, "head": "none", "batch_size": 4, "workers": 1}
    config = TrainConfig(validation_fraction=0.3, **(usual | options))
    data = read_train_data(manifest, config, None, 1, folder)
    return ChipFeed(data, GEOMETRY, config, CPU, 0, Processes()), data


def by_row(feed, number):
    return {
        int(row): chip
        for plan, chips in feed.epoch(number)
        for row, chip in zip(plan.rows, chips, strict=True)
    }


def test_masks_are_fresh_in_every_epoch(small_manifest, tmp_path):
    feed, _ = feed_of(small_manifest, tmp_path, masked_fraction=1.0)
    first, second = by_row(feed, 0), by_row(feed, 1)
    same = [
        np.array_equal(first[row], second[row]) for row in first.keys() & second.keys()
    ]
    assert same and not any(same)
