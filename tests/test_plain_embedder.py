"""Without torch a checkpoint gives the same embedder; what it cannot read is said."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from masking.alignment import ChipGeometry
from masking.errors import BadRecord, MissingInput
from training.checkpoint import Checkpoint, load_embedder, save_checkpoint
from training.dlib_network import DlibFaceNet
from training.latest_model import SHIPPED
from training.network_embedder import NetworkEmbedder
from training.plain_embedder import load_plain_embedder
from training.plain_weights import NeedsTorch, read_plain
from training.quick_choice import choose_quick_embedder

ROOT = Path(__file__).resolve().parent.parent


def checkpoint(network, **changes):
    parts = {"geometry": ChipGeometry(points="inner"), "config": {"epochs": 3}}
    parts |= {"manifest_sha256": "ab" * 32, "report": {"tar": 0.5}}
    return Checkpoint(network, **(parts | changes))


def saved(payload):
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("half", [False, True])
def test_embeds_as_torch_does(tmp_path, half):
    torch.manual_seed(0)
    path = tmp_path / "new.pt"
    save_checkpoint(path, checkpoint(DlibFaceNet().state_dict()), half)
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


def test_tensors_and_plain_values_are_read():
    whole = torch.arange(6.0).reshape(2, 3)
    read = read_plain(saved({"a": whole, "b": [1, None, "x", 2.5], "h": whole.half()}))
    np.testing.assert_array_equal(read["a"], [[0, 1, 2], [3, 4, 5]])
    assert read["b"] == [1, None, "x", 2.5]
    assert read["h"].dtype == np.float16


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("touched"),))


@pytest.mark.parametrize(
    "payload",
    [
        torch.arange(6.0).reshape(2, 3).T,
        torch.arange(6.0)[2:],
        torch.arange(3),
        Evil(),
        torch.nn.Linear(1, 1),
    ],
    ids=["turned", "part", "whole numbers", "code", "module"],
)
def test_what_only_torch_reads_is_left_to_it(payload, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NeedsTorch):
        read_plain(saved({"it": payload}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", saved({})[:-30]])
def test_damaged_archives_are_left_to_torch(content):
    with pytest.raises(NeedsTorch):
        read_plain(content)


@pytest.mark.parametrize(
    "changes",
    [{"resume": {"step": 3}}, {"network": {"w": torch.ones(2)}}],
    ids=["being trained", "another network"],
)
def test_other_checkpoints_are_left_to_torch(tmp_path, changes):
    network = changes.pop("network", DlibFaceNet().state_dict())
    save_checkpoint(tmp_path / "it.pt", checkpoint(network, **changes))
    with pytest.raises(NeedsTorch):
        load_plain_embedder(tmp_path / "it.pt")


def test_quick_choice_falls_back_to_torch_and_keeps_its_errors(tmp_path):
    network = DlibFaceNet().state_dict()
    being_trained = checkpoint(network, resume={"step": 3})
    save_checkpoint(tmp_path / "it.pt", being_trained)
    chosen = choose_quick_embedder(str(tmp_path / "it.pt"), tmp_path)
    assert isinstance(chosen, NetworkEmbedder)
    usual = load_embedder(tmp_path / "it.pt", flip_average=True)
    assert chosen.fingerprint == usual.fingerprint
    with pytest.raises(MissingInput, match="no such model"):
        choose_quick_embedder(str(tmp_path / "gone.pt"), tmp_path)
    (tmp_path / "text.pt").write_text("nothing")
    with pytest.raises(BadRecord, match="not a checkpoint"):
        choose_quick_embedder(str(tmp_path / "text.pt"), tmp_path)
