import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from masking.errors import InvalidConfig, MissingInput
from masking.faces.alignment import ChipGeometry
from masking.faces.mean_face import CANONICAL_FACE
from training.backbones.base import ARCFACE_CHIP
from training.backbones.dlib_network import DlibFaceNet
from training.backbones.registry import BACKBONES, make_network, network_of
from training.checkpoints.checkpoint import Checkpoint, load_embedder, save_checkpoint
from training.embedders.torch_embedder import NetworkEmbedder, fingerprint_of

SMALL = ["dlib", "iresnet18"]


def chips_for(network, count=2):
    side = network.geometry.size_px
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.integers(0, 256, (count, 3, side, side), np.uint8))


@pytest.mark.parametrize("name", SMALL)
def test_stages_in_a_row_are_the_network(name):
    network = make_network(name).eval()
    chips = chips_for(network)
    with torch.inference_mode():
        whole = network(chips)
        maps = chips
        for stage in network.stages():
            maps = stage(maps)
        assert whole.shape == (2, network.dimension)
        assert torch.equal(maps, whole)
        assert (whole[0] - whole[1]).abs().max() > 1e-4
    owned = [id(p) for stage in network.stages() for p in stage.parameters()]
    assert sorted(owned) == sorted(id(p) for p in network.parameters())


def insightface_keys(blocks):
    """The key layout of InsightFace's iresnet files, written down independently."""
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    keys = ["conv1.weight", "prelu.weight", "fc.weight", "fc.bias"]
    keys += [f"{layer}.{item}" for layer in ("bn1", "bn2", "features") for item in norm]
    for stage, count in enumerate(blocks, 1):
        for block in range(count):
            here = f"layer{stage}.{block}"
            keys += [f"{here}.{n}.weight" for n in ("conv1", "conv2", "prelu")]
            keys += [
                f"{here}.{n}.{item}" for n in ("bn1", "bn2", "bn3") for item in norm
            ]
        keys.append(f"layer{stage}.0.downsample.0.weight")
        keys += [f"layer{stage}.0.downsample.1.{item}" for item in norm]
    return keys


@pytest.mark.parametrize(
    ("name", "blocks", "weights"),
    [
        ("iresnet18", (2, 2, 2, 2), 24_025_600),
        ("iresnet50", (3, 4, 14, 3), 43_590_848),
        ("iresnet100", (3, 13, 30, 3), 65_156_160),
    ],
)
def test_iresnets_have_insightfaces_layout(name, blocks, weights):
    with torch.device("meta"):
        network = BACKBONES[name]()
    assert sorted(network.state_dict()) == sorted(insightface_keys(blocks))
    # Published as 24.03, 43.59 and 65.16 million.
    assert sum(p.numel() for p in network.parameters()) == weights


def test_a_timm_model_takes_published_weights_but_no_classes():
    timm = pytest.importorskip("timm")
    network = make_network("timm:mobilenetv3_small_050").eval()
    published = timm.create_model("mobilenetv3_small_050").state_dict()
    kept = network.state_dict()["body.classifier.weight"].clone()
    network.load_published(published)
    stem = "conv_stem.weight"
    loaded = network.state_dict()
    assert torch.equal(loaded[f"body.{stem}"], published[stem])
    assert torch.equal(loaded["body.classifier.weight"], kept)
    with torch.inference_mode():
        assert network(chips_for(network)).shape == (2, 512)


def test_models_of_fixed_size_get_their_chip():
    pytest.importorskip("timm")
    with torch.device("meta"):
        network = make_network("timm:vit_tiny_patch16_224")
    assert network.geometry == replace(ARCFACE_CHIP, size_px=224)


def test_unknown_backbones_and_a_missing_timm_are_named(monkeypatch):
    with pytest.raises(InvalidConfig, match="expected dlib, mobilefacenet, iresnet18"):
        make_network("resnet")
    pytest.importorskip("timm")
    with pytest.raises(InvalidConfig, match="no model 'restnet'"):
        make_network("timm:restnet")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingInput, match=r"\.\[backbones\]"):
        make_network("timm:resnet18")


def test_a_network_is_made_of_its_seed_and_leaves_chance_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (
        make_network("dlib", seed).state_dict()["head.project.weight"]
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(same, one)
    assert not torch.equal(other, one)


def test_a_checkpoint_brings_its_architecture_back(tmp_path):
    network = make_network("iresnet18", seed=3).eval()
    with torch.no_grad():
        network(chips_for(network))
    path = tmp_path / "small.pt"
    saved = Checkpoint(
        network.state_dict(), network.geometry, {}, "", {}, backbone="iresnet18"
    )
    save_checkpoint(path, saved)
    ours, loaded = NetworkEmbedder(network, "ours"), load_embedder(path)
    assert loaded.fingerprint == ours.fingerprint == saved.fingerprint
    assert (loaded.backbone, loaded.geometry) == ("iresnet18", ARCFACE_CHIP)
    chips = chips_for(network, 3).numpy()
    rows = loaded.embed(chips)
    np.testing.assert_array_equal(rows, ours.embed(chips))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    # Of one length, so that Euclidean distances order pairs as cosines do.
    cosine = float(rows[0] @ rows[1])
    distance = float(np.linalg.norm(rows[0] - rows[1]))
    assert distance**2 == pytest.approx(2 - 2 * cosine, abs=1e-5)
    flipped = NetworkEmbedder(network, "both", flip_average=True).embed(chips)
    np.testing.assert_allclose(np.linalg.norm(flipped, axis=1), 1, atol=1e-6)
    assert np.abs(flipped - rows).max() > 1e-3


def test_older_fingerprints_stay_true():
    state = {"w": torch.ones(2)}
    old = fingerprint_of(state, ChipGeometry())
    # Of {"flip_average": false, "padding": 0.25, "points": "upper", "size_px": 150}.
    assert old.startswith("37b19a553562a6d5")
    assert fingerprint_of(state, ChipGeometry(down=0.1)) != old
    assert fingerprint_of(state, ChipGeometry(), backbone="iresnet18") != old


def test_weights_of_another_size_are_refused():
    state = DlibFaceNet().state_dict()
    state["head.project.weight"] = torch.zeros(64, 256)
    with pytest.raises(RuntimeError, match=r"head\.project"):
        network_of("dlib", state)


def test_the_arcface_chip_shows_a_face_where_arcfaces_template_has_it():
    template = np.array(
        [
            *([38.2946, 51.6963], [73.5318, 51.5014]),
            *([56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]),
        ]
    )
    places = ARCFACE_CHIP.targets()
    five = np.stack(
        [places[36:42].mean(0), places[42:48].mean(0), *places[[30, 48, 54]]]
    )
    away = five - template
    # The average face is not ArcFace's: its mouth is wider. No common shift is left.
    assert np.abs(away).max() < 1.8
    assert np.abs(away.mean(axis=0)).max() < 0.1
    assert CANONICAL_FACE.shape == (68, 2)
