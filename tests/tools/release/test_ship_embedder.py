from dataclasses import replace
from typing import Any

import pytest
import torch

from masking.errors import InvalidConfig
from masking.faces.alignment import ChipGeometry
from tools.release.ship_embedder import mean_weights
from training.checkpoints.checkpoint import Checkpoint


def checkpoint(value, **config):
    usual: dict[str, Any] = {"validation_fraction": 0.1, "validation_seed": 0}
    weights = {"w": torch.full((2,), value), "count": torch.tensor(3)}
    return Checkpoint(weights, ChipGeometry(), usual | config, "ab" * 32, {})


def test_weights_of_several_seeds_are_averaged():
    mean = mean_weights([checkpoint(1.0), checkpoint(2.0), checkpoint(6.0)])
    assert mean["w"].tolist() == [3.0, 3.0]
    assert mean["count"].dtype == torch.int64 and mean["count"] == 3


def test_networks_that_saw_each_others_validation_people_are_not_averaged():
    with pytest.raises(InvalidConfig, match="same people"):
        mean_weights([checkpoint(1.0), checkpoint(2.0, validation_seed=1)])
    other = replace(checkpoint(2.0), manifest_sha256="cd" * 32)
    with pytest.raises(InvalidConfig, match="same people"):
        mean_weights([checkpoint(1.0), other])
