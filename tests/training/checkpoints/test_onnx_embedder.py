"""Without torch a checkpoint gives the same embedder, or it is said why not."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from masking.datasets.images import list_images, read_rgb
from masking.datasets.sample import sample_people
from masking.errors import BadRecord, MissingInput
from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.finder import unmasked_finder
from training.backbones.registry import make_network
from training.checkpoints import export
from training.checkpoints.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_embedder,
    round_filters,
    save_checkpoint,
)
from training.checkpoints.store import (
    OWN_MODELS,
    SHIPPED,
    NeedsTorch,
    OnnxEmbedder,
    choose_onnx_embedder,
    load_onnx_embedder,
    save_model,
)
from training.embedders.checkpoint_file import read_record
from training.embedders.torch_embedder import NetworkEmbedder
from training.metrics.score_normalization import Cohort

ROOT = Path(__file__).resolve().parents[3]
COHORT = Cohort.of(np.random.default_rng(0).normal(size=(20, 128)), 1.0)


def checkpoint(network, **changes):
    parts = {"geometry": network.geometry, "config": {}, "backbone": network.backbone}
    parts |= {"manifest_sha256": "ab" * 32, "report": {"tar": 0.5}}
    return Checkpoint(network.state_dict(), **(parts | changes))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Saved models: "dlib" with a chip and a cohort of its own, and "unit"."""
    folder = tmp_path_factory.mktemp("models")
    own = {"geometry": ChipGeometry(points="inner"), "cohort": COHORT}
    save_model(folder / "dlib.safetensors", checkpoint(make_network("dlib"), **own))
    network = make_network("iresnet18")
    save_model(folder / "unit.safetensors", checkpoint(network))
    return folder


@pytest.fixture
def copy(models, tmp_path):
    """A model of its own for a test that changes it."""
    for name in ("dlib.safetensors", "dlib.onnx"):
        shutil.copy(models / name, tmp_path)
    return tmp_path / "dlib.safetensors"


@pytest.mark.parametrize("name", ["dlib", "unit"])
def test_embeds_as_torch_does(models, name):
    path = models / f"{name}.safetensors"
    exported, trained = load_onnx_embedder(path), load_embedder(path, flip_average=True)
    for item in ("fingerprint", "name", "dimension", "metric", "geometry"):
        assert getattr(exported, item) == getattr(trained, item)
    assert (exported.cohort is None) == (trained.cohort is None) == (name == "unit")
    side = exported.geometry.size_px
    rng = np.random.default_rng(0)
    chips = rng.integers(0, 256, (5, 3, side, side), dtype=np.uint8)
    expected = trained.embed(chips)
    assert expected.std() > 1e-3
    found = exported.embed(chips)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)
    # Neither another order nor other company changes a row.
    np.testing.assert_array_equal(exported.embed(chips[3:4]), found[3:4])


@pytest.mark.parametrize("path", OWN_MODELS.values(), ids=OWN_MODELS)
def test_a_shipped_embedder_embeds_faces_as_torch_does(path):
    exported, trained = load_onnx_embedder(path), load_embedder(path, "cpu", True)
    chips = []
    for folder in sorted(p for p in sample_people().iterdir() if p.is_dir())[:4]:
        image = read_rgb(list_images(folder)[0])
        face = unmasked_finder().find(image)[0]
        chip = crop_chip(image, face.landmarks, exported.geometry, folder.name)
        chips.append(chip.pixels.transpose(2, 0, 1))
    found, expected = exported.embed(np.stack(chips)), trained.embed(np.stack(chips))
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)
    apart = np.linalg.norm(expected[1:] - expected[0], axis=1)
    assert apart.min() > 0.3
    np.testing.assert_array_equal(exported.cohort.members, trained.cohort.members)
    assert exported.cohort.mean_score == trained.cohort.mean_score


def test_the_shipped_embedder_needs_no_torch():
    code = (
        "import sys; "
        "from training.checkpoints.store import choose_onnx_embedder as c; "
        "from pathlib import Path; print(c('shipped', Path('.')).fingerprint); "
        "assert 'torch' not in sys.modules and 'onnx' not in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    trained = load_embedder(SHIPPED, flip_average=True)
    assert run.stdout.strip() == trained.fingerprint, run.stderr


def test_empty_and_wrong_batches():
    embedder = load_onnx_embedder(SHIPPED)
    assert embedder.embed(np.zeros((0, 3, 112, 112), np.uint8)).shape == (0, 512)
    with pytest.raises(ValueError, match="expected"):
        embedder.embed(np.zeros((1, 3, 150, 150), np.uint8))
    with pytest.raises(ValueError, match="expected"):
        embedder.embed(np.zeros((1, 3, 112, 112), np.float32))


def test_rounded_filters_take_half_the_room(models, tmp_path):
    network = make_network("dlib")
    weights = round_filters(network.state_dict())
    rounded = replace(checkpoint(network), network=weights)
    save_model(tmp_path / "half.safetensors", rounded)
    content = (tmp_path / "half.onnx").read_bytes()
    # 5.6 million numbers, 2 or 4 bytes each.
    assert 11.1e6 < len(content) < 11.4e6
    assert 22.3e6 < (models / "dlib.onnx").stat().st_size < 22.6e6
    # No line or path of the program that made it.
    assert b".py" not in content and str(ROOT).encode() not in content
    exported = load_onnx_embedder(tmp_path / "half.safetensors")
    trained = load_embedder(tmp_path / "half.safetensors", flip_average=True)
    chips = np.random.default_rng(3).integers(0, 256, (2, 3, 150, 150), np.uint8)
    np.testing.assert_allclose(exported.embed(chips), trained.embed(chips), atol=1e-5)


def warnings_of(caplog):
    # torch's exporter traces itself on a lower level.
    return [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]


def used_torch(choice, caplog):
    """The embedder chosen, after checking that it is torch's and that this was said."""
    chosen = choose_onnx_embedder(choice, Path("none"))
    assert isinstance(chosen, NetworkEmbedder) and chosen.flip_average
    (said,) = warnings_of(caplog)
    assert "torch is used" in said and "\n" not in said
    return chosen, said


def test_a_missing_file_means_torch_and_is_said(copy, caplog):
    copy.with_suffix(".onnx").unlink()
    chosen, said = used_torch(str(copy), caplog)
    assert "dlib.onnx: cannot be read (No such file" in said
    assert chosen.fingerprint == load_embedder(copy, flip_average=True).fingerprint


def test_the_exported_network_that_ships_is_never_done_without(copy, monkeypatch):
    monkeypatch.setitem(OWN_MODELS, "shipped", copy)
    copy.with_suffix(".onnx").unlink()
    with pytest.raises(BadRecord, match=r"cannot be read .*Install this program again"):
        choose_onnx_embedder(str(copy), Path("none"))


def test_a_model_that_was_saved_without_is_run_by_torch(tmp_path, caplog):
    path = tmp_path / "it.safetensors"
    save_checkpoint(path, checkpoint(make_network("mobilefacenet")))
    _, said = used_torch(str(path), caplog)
    assert "was saved without an exported network" in said


@pytest.mark.parametrize("place", [0, 5000, -1])
def test_a_bit_that_turned_is_found(copy, place):
    exported = copy.with_suffix(".onnx")
    data = bytearray(exported.read_bytes())
    data[place] ^= 1
    exported.write_bytes(data)
    with pytest.raises(BadRecord, match=r"dlib\.onnx: damaged.*Delete it") as caught:
        choose_onnx_embedder(str(copy), copy.parent)
    assert "\n" not in str(caught.value)


def test_a_file_that_was_cut_short_is_found(copy, monkeypatch):
    exported = copy.with_suffix(".onnx")
    exported.write_bytes(exported.read_bytes()[:-1000])
    monkeypatch.setitem(OWN_MODELS, "shipped", copy)
    with pytest.raises(
        BadRecord, match=r"dlib\.onnx: damaged.*\. Install this program again\.$"
    ):
        choose_onnx_embedder(str(copy), copy.parent)


def test_the_network_of_another_model_is_refused(copy):
    shutil.copy(SHIPPED.with_suffix(".onnx"), copy.with_suffix(".onnx"))
    with pytest.raises(BadRecord, match=r"not the network of dlib\.safetensors"):
        choose_onnx_embedder(str(copy), copy.parent)


def resaved(path, content, **changes):
    """The model with another file beside it, of which its checkpoint knows."""
    exported = read_record(path).exported
    digest = hashlib.sha256(content).hexdigest()
    path.with_suffix(".onnx").write_bytes(content)
    changes = {"sha256": digest} | changes
    save_checkpoint(path, load_checkpoint(path), replace(exported, **changes))


def test_a_runtime_that_finds_other_embeddings_is_not_used(copy, caplog):
    probe = list(read_record(copy).exported.probe)
    probe[7] += 3e-5
    content = copy.with_suffix(".onnx").read_bytes()
    resaved(copy, content, probe=tuple(probe))
    with pytest.raises(NeedsTorch, match=r"differs from torch by 3\.0e-05"):
        load_onnx_embedder(copy)
    used_torch(str(copy), caplog)


def test_a_runtime_that_cannot_read_the_network_is_not_used(copy, caplog):
    resaved(copy, b"no network")
    _, said = used_torch(str(copy), caplog)
    assert "dlib.onnx: onnxruntime cannot run it" in said


def test_what_cannot_be_exported_is_saved_without_and_said(
    tmp_path, monkeypatch, caplog
):
    def refuse(*_, **__):
        raise torch.onnx.OnnxExporterError("no such operator\nand a long story")

    monkeypatch.setattr("torch.onnx.export", refuse)
    path = tmp_path / "odd.safetensors"
    save_model(path, checkpoint(make_network("mobilefacenet")))
    assert [item.name for item in tmp_path.iterdir()] == ["odd.safetensors"]
    (said,) = warnings_of(caplog)
    assert "odd: torch does not export it (no such operator)" in said
    assert read_record(path).exported is None
    assert load_embedder(path).backbone == "mobilefacenet"


def test_what_onnxruntime_computes_otherwise_is_saved_without_and_said(
    models, tmp_path, monkeypatch, caplog
):
    # Exporting this network anew takes seconds.
    exported = (models / "dlib.onnx").read_bytes()
    monkeypatch.setattr(export, "onnx_bytes", lambda *_: exported)
    embed = OnnxEmbedder.embed
    monkeypatch.setattr(OnnxEmbedder, "embed", lambda *args: embed(*args) + 1)
    save_model(
        tmp_path / "odd.safetensors", load_checkpoint(models / "dlib.safetensors")
    )
    assert [item.name for item in tmp_path.iterdir()] == ["odd.safetensors"]
    (said,) = warnings_of(caplog)
    assert "odd: onnxruntime differs from torch by 1" in said


def test_the_untouched_network_is_torchs_and_errors_are_kept(tmp_path, caplog):
    assert choose_onnx_embedder("dlib", tmp_path).name == "dlib"
    assert warnings_of(caplog) == []
    with pytest.raises(MissingInput, match="no such model"):
        choose_onnx_embedder(str(tmp_path / "gone.safetensors"), tmp_path)
    (tmp_path / "text.safetensors").write_text("nothing")
    with pytest.raises(BadRecord, match="not a checkpoint"):
        choose_onnx_embedder(str(tmp_path / "text.safetensors"), tmp_path)
