from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from masking.errors import BadRecord
from masking.faces.alignment import ChipGeometry
from training.backbones.dlib_network import DlibFaceNet
from training.checkpoints.checkpoint import (
    Checkpoint,
    load_embedder,
    round_filters,
    save_checkpoint,
)
from training.checkpoints.store import (
    add_checkpoint,
    latest_checkpoint,
    load_onnx_embedder,
    set_latest,
)
from training.embedders.torch_embedder import NetworkEmbedder

MANIFEST = "ab" * 32


def _small(value: float) -> Checkpoint:
    return Checkpoint({"w": torch.tensor([value])}, ChipGeometry(), {}, MANIFEST, {})


@pytest.fixture(scope="module")
def face_network() -> DlibFaceNet:
    torch.manual_seed(0)
    return DlibFaceNet()


def test_an_embedder_keeps_its_fingerprint_on_disk(
    tmp_path: Path, face_network: DlibFaceNet
) -> None:
    geometry = ChipGeometry(points="upper")
    checkpoint = Checkpoint(face_network.state_dict(), geometry, {}, MANIFEST, {})
    path = add_checkpoint(tmp_path / "models", checkpoint)
    original = NetworkEmbedder(face_network, "new", "cpu", True, geometry)
    loaded = load_embedder(path, flip_average=True)
    assert loaded.fingerprint == original.fingerprint != checkpoint.fingerprint
    assert loaded.geometry == geometry
    assert load_onnx_embedder(path).fingerprint == original.fingerprint


def test_a_shipped_embedder_is_half_the_size_and_embeds_alike(
    tmp_path: Path, face_network: DlibFaceNet
) -> None:
    weights = round_filters(face_network.state_dict())
    checkpoint = Checkpoint(weights, ChipGeometry(), {}, MANIFEST, {})
    path = add_checkpoint(tmp_path, checkpoint)
    assert 11e6 < path.stat().st_size < 11.5e6
    embedder = load_embedder(path)
    assert embedder.name == path.stem == f"embedder-{embedder.fingerprint[:12]}"
    exact = NetworkEmbedder(face_network, "exact")
    assert embedder.fingerprint != exact.fingerprint
    rng = np.random.default_rng(0)
    chips = rng.integers(0, 256, (1, 3, 150, 150), dtype=np.uint8)
    expected = exact.embed(chips)
    np.testing.assert_allclose(embedder.embed(chips), expected, atol=1e-3)
    assert np.abs(expected).max() > 0.01


def test_latest_is_what_was_set(tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert latest_checkpoint(models) is None
    first, second = models / "first.safetensors", models / "second.safetensors"
    save_checkpoint(first, _small(1.0))
    save_checkpoint(second, _small(2.0))
    assert latest_checkpoint(models) is None
    set_latest(models, first)
    set_latest(models, second)
    assert latest_checkpoint(models) == second
    assert (models / "latest").read_text() == f"{second.name}\n"


@pytest.mark.parametrize("name", ["", "gone", "../secret.pt", "/etc/passwd", ".."])
def test_a_latest_that_leads_nowhere_is_refused(tmp_path: Path, name: str) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (tmp_path / "secret.pt").touch()
    (models / "latest").write_text(name)
    with pytest.raises(BadRecord, match="expected a checkpoint in"):
        latest_checkpoint(models)


def test_only_files_of_the_folder_can_be_latest(tmp_path: Path) -> None:
    saved = tmp_path / "other" / "it.safetensors"
    save_checkpoint(saved, _small(1.0))
    with pytest.raises(ValueError, match="is not a file in"):
        set_latest(tmp_path / "models", saved)
    with pytest.raises(ValueError, match="is not a file in"):
        set_latest(tmp_path, tmp_path / "gone.pt")
