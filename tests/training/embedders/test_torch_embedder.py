from __future__ import annotations

import numpy as np
import pytest
import torch

from masking.errors import InvalidConfig
from masking.faces.alignment import ChipGeometry
from masking.landmarks import Image
from training.backbones.dlib_network import DlibFaceNet, read_dlib_network
from training.embedders.embedded_face import Embedder
from training.embedders.torch_embedder import (
    NetworkEmbedder,
    best_device,
    dlib_embedder,
    fingerprint_of,
)


@pytest.fixture(scope="module")
def network() -> DlibFaceNet:
    return read_dlib_network()


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return dlib_embedder()


@pytest.fixture(scope="module")
def chips() -> Image:
    rng = np.random.default_rng(7)
    chips = rng.integers(0, 256, (67, 3, 150, 150), dtype=np.uint8)
    chips.setflags(write=False)
    return chips


def test_the_dlib_embedder_says_what_it_is(embedder: Embedder) -> None:
    assert embedder.name == "dlib"
    assert (embedder.dimension, embedder.metric) == (128, "euclidean")
    assert embedder.geometry == ChipGeometry(150, 0.25)
    assert len(bytes.fromhex(embedder.fingerprint)) == 32


def test_rows_do_not_depend_on_their_batch(embedder: Embedder, chips: Image) -> None:
    together = embedder.embed(chips)  # more than one inner batch
    assert together.shape == (67, 128) and together.dtype == np.float32
    for row in (0, 66):
        alone = embedder.embed(chips[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5, rtol=0)
    turned = embedder.embed(chips[:5][::-1])
    np.testing.assert_allclose(turned[::-1], together[:5], atol=1e-5, rtol=0)
    assert np.abs(together[0] - together[1]).max() > 1e-2


def test_no_chips_give_no_rows(embedder: Embedder, chips: Image) -> None:
    assert embedder.embed(chips[:0]).shape == (0, 128)


@pytest.mark.parametrize("wrong", ["size", "order", "type"])
def test_wrong_chips_are_refused(embedder: Embedder, chips: Image, wrong: str) -> None:
    bad = {
        "size": chips[:1, :, :112, :112],
        "order": chips[:1].transpose(0, 2, 3, 1),
        "type": chips[:1].astype(np.float32),
    }[wrong]
    with pytest.raises(ValueError, match=r"expected \(N, 3, 150, 150\) uint8"):
        embedder.embed(bad)


def test_flip_average_is_the_mean_of_both_sides(
    network: DlibFaceNet, embedder: Embedder, chips: Image
) -> None:
    averaged = NetworkEmbedder(network, "both", flip_average=True)
    some = chips[:3]
    plain, mirrored = embedder.embed(some), embedder.embed(some[..., ::-1])
    found = averaged.embed(some)
    np.testing.assert_allclose(found, (plain + mirrored) / 2, atol=1e-6)
    assert np.abs(plain - mirrored).max() > 1e-2
    assert averaged.fingerprint != embedder.fingerprint


def test_the_fingerprint_changes_with_whatever_changes_embeddings(
    network: DlibFaceNet, embedder: Embedder
) -> None:
    state = network.state_dict()
    geometry = ChipGeometry()
    assert fingerprint_of(state, geometry) == embedder.fingerprint
    layout = {name: t.clone() for name, t in state.items()}
    weight = layout["stem.first.weight"]
    layout["stem.first.weight"] = weight.to(memory_format=torch.channels_last)
    assert fingerprint_of(layout, geometry) == embedder.fingerprint
    nudged = {name: t.clone() for name, t in state.items()}
    nudged["blocks.3.first.bias"][0] += 1e-3
    others = [
        fingerprint_of(nudged, geometry),
        fingerprint_of(state, ChipGeometry(padding=0.3)),
        fingerprint_of(state, ChipGeometry(points="inner")),
        fingerprint_of(state, geometry, flip_average=True),
    ]
    assert len({embedder.fingerprint, *others}) == 5


def test_training_on_does_not_change_an_embedder(chips: Image) -> None:
    torch.manual_seed(0)
    network = DlibFaceNet()
    embedder = NetworkEmbedder(network, "copy")
    before = embedder.embed(chips[:1])
    with torch.no_grad():
        network.head.project.weight.zero_()
    np.testing.assert_array_equal(embedder.embed(chips[:1]), before)
    assert before.any()
    assert all(p.requires_grad for p in network.parameters())


def test_autocast_around_it_does_not_round_embeddings(
    embedder: Embedder, chips: Image
) -> None:
    expected = embedder.embed(chips[:1])
    with torch.autocast("cpu", torch.bfloat16):
        np.testing.assert_array_equal(embedder.embed(chips[:1]), expected)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device("auto") == best_device("cpu") == torch.device("cpu")
    with pytest.raises(InvalidConfig, match="'cuda': 0 CUDA devices found"):
        best_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert best_device("auto") == best_device("cuda") == torch.device("cuda")
    assert best_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(InvalidConfig, match="'cuda:1': 1 CUDA devices found"):
        best_device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "mps", "", "cuda:x"])
def test_unknown_devices_are_refused(name: str) -> None:
    with pytest.raises(InvalidConfig, match="unknown device"):
        best_device(name)
