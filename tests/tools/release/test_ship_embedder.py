import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from masking.datasets.sample import sample_people
from masking.errors import InvalidConfig
from masking.faces.alignment import ChipGeometry
from tests.fakes.drawn_people import ColourEmbedder
from tools.release import ship_embedder
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


def test_the_samples_people_are_means_of_their_photos(tmp_path, monkeypatch):
    for person in ("Person_07", "Person_08"):
        for photo in ("1.jpg", "2.jpg")[: 1 + (person == "Person_08")]:
            (tmp_path / person).mkdir(exist_ok=True)
            shutil.copy(sample_people() / person / photo, tmp_path / person)
    monkeypatch.setattr(ship_embedder, "sample_people", lambda: tmp_path)
    means = ship_embedder.sample_means(ColourEmbedder("colour"))
    assert means.shape == (2, 3) and np.isfinite(means).all()
    shutil.copy(tmp_path / "Person_08" / "1.jpg", tmp_path / "Person_07" / "1.jpg")
    shutil.copy(tmp_path / "Person_08" / "2.jpg", tmp_path / "Person_07" / "2.jpg")
    same = ship_embedder.sample_means(ColourEmbedder("colour"))
    assert same[0].tolist() == same[1].tolist() == means[1].tolist()
    assert same[0].tolist() != means[0].tolist()
