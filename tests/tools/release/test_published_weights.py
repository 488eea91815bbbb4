"""Weights out of a pickled network, and nothing else."""

import io
import os
import pickle

import pytest
import torch
from torch import nn

from tools.release.published_weights import weights_of


def pickled(network):
    buffer = io.BytesIO()
    torch.save(network, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def test_layers_give_their_state_dict():
    network = nn.DataParallel(
        nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.PReLU(4))
    )
    found = weights_of(pickled(network))
    wanted = network.module.state_dict()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)


class Trap:
    def __reduce__(self):
        return os.system, ("touch trapped",)


def test_nothing_else_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = nn.Sequential(nn.Linear(1, 1))
    vars(network)["trap"] = Trap()
    with pytest.raises(pickle.UnpicklingError, match="system is no part of a network"):
        weights_of(pickled(network))
    assert not (tmp_path / "trapped").exists()
