"""Without torch a checkpoint gives the same embedder; what it cannot read is said."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from masking.alignment import ChipGeometry
from masking.errors import BadRecord, MissingInput
from training.backbones import make_network
from training.checkpoint import (
    Checkpoint,
    load_embedder,
    round_filters,
    save_checkpoint,
)
from training.dlib_network import DlibFaceNet
from training.latest_model import SHIPPED
from training.network_embedder import NetworkEmbedder
from training.plain_embedder import NeedsTorch, load_plain_embedder
from training.quick_choice import choose_quick_embedder

ROOT = Path(__file__).resolve().parent.parent


def checkpoint(network, **changes):
    parts = {"geometry": ChipGeometry(points="inner"), "config": {"epochs": 3}}
    parts |= {"manifest_sha256": "ab" * 32, "report": {"tar": 0.5}}
    return Checkpoint(network, **(parts | changes))


@pytest.mark.parametrize("rounded", [False, True])
def test_embeds_as_torch_does(tmp_path, rounded):
    torch.manual_seed(0)
    path = tmp_path / "new.pt"
    weights = DlibFaceNet().state_dict()
    save_checkpoint(path, checkpoint(round_filters(weights) if rounded else weights))
    plain, usual = load_plain_embedder(path), load_embedder(path, flip_average=True)
    assert plain.fingerprint == usual.fingerprint
    assert (plain.name, plain.geometry) == (usual.name, usual.geometry)
    # More than one batch.
    rng = np.random.default_rng(0)
    chips = rng.integers(0, 256, (5, 3, 150, 150), dtype=np.uint8)
    expected = usual.embed(chips)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(plain.embed(chips), expected, atol=1e-5)


def test_the_shipped_embedder_needs_no_torch():
    code = (
        "import sys; from training.quick_choice import choose_quick_embedder as c; "
        "from pathlib import Path; print(c('shipped', Path('.')).fingerprint); "
        "assert 'torch' not in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    usual = load_embedder(SHIPPED, flip_average=True)
    assert run.stdout.strip() == usual.fingerprint, run.stderr


def test_empty_and_wrong_batches():
    embedder = load_plain_embedder(SHIPPED)
    assert embedder.embed(np.zeros((0, 3, 150, 150), np.uint8)).shape == (0, 128)
    with pytest.raises(ValueError, match="expected"):
        embedder.embed(np.zeros((1, 3, 112, 112), np.uint8))
    with pytest.raises(ValueError, match="expected"):
        embedder.embed(np.zeros((1, 3, 150, 150), np.float32))


def test_another_network_is_left_to_torch(tmp_path):
    save_checkpoint(tmp_path / "it.pt", checkpoint({"w": torch.ones(2)}))
    with pytest.raises(NeedsTorch):
        load_plain_embedder(tmp_path / "it.pt")


def test_quick_choice_falls_back_to_torch_and_keeps_its_errors(tmp_path):
    network = make_network("iresnet18")
    other = checkpoint(network.state_dict(), backbone="iresnet18")
    save_checkpoint(tmp_path / "it.pt", replace(other, geometry=network.geometry))
    chosen = choose_quick_embedder(str(tmp_path / "it.pt"), tmp_path)
    assert isinstance(chosen, NetworkEmbedder)
    usual = load_embedder(tmp_path / "it.pt", flip_average=True)
    assert chosen.fingerprint == usual.fingerprint
    with pytest.raises(MissingInput, match="no such model"):
        choose_quick_embedder(str(tmp_path / "gone.pt"), tmp_path)
    (tmp_path / "text.pt").write_text("nothing")
    with pytest.raises(BadRecord, match="not a checkpoint"):
        choose_quick_embedder(str(tmp_path / "text.pt"), tmp_path)
