import numpy as np
import torch

from masking.faces.alignment import ChipGeometry
from training.config import TrainConfig
from training.data.train_data import read_train_data
from training.data.train_loader import TrainLoader
from training.distributed import Processes

CPU = torch.device("cpu")
GEOMETRY = ChipGeometry(96)


def loader_of(manifest, folder, **options):
    usual = {"samples_per_person": 0, "head": "none", "batch_size": 4, "workers": 1}
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
