import json
import os

import dlib
import numpy as np
import pytest
from click.testing import CliRunner

from cli import main
from training.backbones.registry import make_network
from training.checkpoints import export as export_dlib_module
from training.checkpoints.export import (
    FalseExport,
    check_difference,
    export_dlib,
    export_onnx,
)
from training.checkpoints.store import choose_embedder
from training.embedders.torch_embedder import NetworkEmbedder, dlib_embedder


def test_dlib_loads_its_network_trained_on_masks(tmp_path):
    # dlib takes text for paths, which need not be UTF-8.
    out = tmp_path / "ours\udcff.dat"
    command = [
        "export",
        "--format",
        "dlib",
        "--model",
        "dlib-masked",
        "--json",
        "--out",
    ]
    run = CliRunner().invoke(main, [*command, str(out)])
    assert run.exit_code == 0, run.output
    record = json.loads(run.stdout)
    assert record["difference"] < 1e-5 and record["dimension"] == 128
    # Other chips than those the command tried.
    chips = np.random.default_rng(8).integers(0, 256, (2, 150, 150, 3), np.uint8)
    model = dlib.face_recognition_model_v1(os.fsencode(out))
    found = np.array([model.compute_face_descriptor(chip) for chip in chips])
    shipped = choose_embedder("dlib-masked", tmp_path, "cpu", flip_average=False)
    turned = chips.transpose(0, 3, 1, 2)
    assert np.abs(found - shipped.embed(turned)).max() < 1e-5
    assert np.abs(found - dlib_embedder().embed(turned)).max() > 0.01


def test_onnx_takes_any_batch_and_averages_flips(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    embedder = dlib_embedder(flip_average=True)
    path = tmp_path / "dlib.onnx"
    assert export_onnx(embedder, path) < 1e-4
    # Nothing of the machine that wrote it, such as lines of a program.
    assert b"export.py" not in path.read_bytes()
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    chips = np.random.default_rng(9).integers(0, 256, (5, 3, 150, 150), np.uint8)
    for count in (1, 5):
        (found,) = session.run(["embeddings"], {"chips": chips[:count]})
        assert np.abs(found - embedder.embed(chips[:count])).max() < 1e-4
    assert [item.name for item in tmp_path.iterdir()] == ["dlib.onnx"]


def test_a_file_that_embeds_otherwise_is_refused(tmp_path, monkeypatch):
    wrong = np.zeros((3, 128))
    monkeypatch.setattr(export_dlib_module, "_by_dlib", lambda path, chips: wrong)
    with pytest.raises(FalseExport, match=r"differ by .*at most 1e-05"):
        export_dlib(dlib_embedder(), tmp_path / "wrong.dat")
    with pytest.raises(FalseExport):
        check_difference(tmp_path, float("nan"), 1e-5)


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "vit_tiny_patch16_224"])
def test_a_network_of_timm_is_exported_for_any_batch(tmp_path, name):
    pytest.importorskip("timm")
    embedder = NetworkEmbedder(make_network(f"timm:{name}"), name, "cpu", True)
    # It is tried on three faces at once, and on one alone.
    assert export_onnx(embedder, tmp_path / "timm.onnx") < 1e-5
