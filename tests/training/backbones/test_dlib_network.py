from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import dlib
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from masking.datasets.images import read_rgb
from masking.errors import BadRecord
from masking.files.model_files import RECOGNITION, dlib_model
from masking.landmarks import Float32, Image
from training.backbones.dlib_file import read_dlib_file
from training.backbones.dlib_network import (
    Block,
    DlibFaceNet,
    Stem,
    fold,
    read_dlib_network,
    write_dlib_file,
)

LFW = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "lfw"


def _constant(block: Block, main: float) -> Block:
    """A block whose main path gives `main` everywhere, whatever comes in."""
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.zero_()
        assert block.second.bias is not None
        block.second.bias.fill_(main)
    return block


@pytest.fixture(scope="module")
def network() -> DlibFaceNet:
    torch.manual_seed(0)
    return DlibFaceNet().eval()


@pytest.fixture(scope="module")
def chips() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    size = (2, 3, 150, 150)
    return torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)


def test_the_stem_centres_then_pools_without_padding() -> None:
    stem = Stem()
    with torch.no_grad():
        stem.mean.copy_(torch.tensor([100.0, 0.0, 0.0]))
        stem.first.weight.zero_()
        assert stem.first.bias is not None
        stem.first.bias.zero_()
        stem.first.weight[0, 0, 0, 0] = 1.0
    chips = torch.zeros(1, 3, 150, 150)
    chips[0, 0, 2, 2] = 228.0  # (228 - 100) / 256 = 0.5, and 100 below the rest
    maps = stem(chips)
    assert maps.shape == (1, 32, 35, 35)
    # Convolution pixel (1, 1) reads chip pixel (2, 2); only pool (0, 0) covers it.
    assert maps[0, 0, 0, 0] == 0.5
    assert maps.sum() == 0.5


def test_a_plain_block_adds_its_input_then_cuts_at_zero() -> None:
    block = _constant(Block(1, 1, halve=False), -2.0)
    maps = torch.tensor([[[[1.0, 3.0], [2.0, 5.0]]]])
    expected = torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]])
    assert torch.equal(block(maps), expected)


def test_a_halving_block_fills_what_either_path_lacks_with_zeros() -> None:
    block = _constant(Block(1, 2, halve=True), 10.0)
    maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    # Main path: one pixel (4 -> 1 unpadded) at the top left of both channels.
    # Skip path: means of 2 x 2 pixels, and no second channel.
    expected = torch.tensor([[[[12.5, 4.5], [10.5, 12.5]], [[10.0, 0.0], [0.0, 0.0]]]])
    assert torch.equal(block(maps), expected)


def test_the_network_has_the_published_size(network: DlibFaceNet) -> None:
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 29
    assert 5.5e6 < sum(p.numel() for p in network.parameters()) < 5.7e6


def test_embeddings_do_not_depend_on_type_or_layout(
    network: DlibFaceNet, chips: Tensor
) -> None:
    with torch.inference_mode():
        plain = network(chips)
        assert plain.shape == (2, 128) and plain.dtype == torch.float32
        assert torch.equal(network(chips.float()), plain)
        last = network(chips.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, plain, atol=1e-5, rtol=0)
    assert (plain[0] - plain[1]).abs().max() > 1e-3


def test_autocast_gives_float32_embeddings_and_gradients_everywhere(
    chips: Tensor,
) -> None:
    torch.manual_seed(0)
    network = DlibFaceNet()
    with torch.no_grad():
        exact = network(chips)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(chips)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, atol=0.02, rtol=0.05)
    assert not torch.equal(rough, exact)  # autocast did reach the convolutions
    rough.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


def test_from_state_copies_and_leaves_the_random_state_alone(
    network: DlibFaceNet, chips: Tensor
) -> None:
    before = torch.get_rng_state()
    copy = DlibFaceNet.from_state(network.state_dict())
    assert torch.equal(torch.get_rng_state(), before)
    with torch.inference_mode():
        assert torch.equal(copy(chips), network(chips))
    assert all(p.requires_grad for p in copy.parameters())
    with torch.no_grad():
        copy.head.project.weight.zero_()
    assert network.head.project.weight.any()
    with pytest.raises(RuntimeError, match="Missing key"):
        DlibFaceNet.from_state({})


@pytest.fixture(scope="module")
def trained() -> DlibFaceNet:
    return read_dlib_network().eval()


@pytest.fixture(scope="module")
def noise() -> Image:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (4, 150, 150, 3), dtype=np.uint8)


def _by_dlib(path: Path, chips: Image) -> NDArray[np.float64]:
    model: Any = dlib.face_recognition_model_v1(str(path))
    return np.array([model.compute_face_descriptor(chip) for chip in chips])


def _by_torch(network: DlibFaceNet, chips: Image) -> Float32:
    with torch.inference_mode():
        embeddings = network(torch.tensor(chips).permute(0, 3, 1, 2))
    return np.asarray(embeddings.numpy(), dtype=np.float32)


def test_folding_is_exact() -> None:
    # Small whole numbers: float32 holds every product and sum exactly.
    rng = np.random.default_rng(0)
    shapes: list[Any] = [(5, 3, 3, 3), (2, 3, 8, 8), 5, 5, 5]
    filters, pixels, bias, gamma, beta = (
        rng.integers(-4, 5, shape).astype(np.float32) for shape in shapes
    )
    x = torch.from_numpy(pixels)
    apart = F.conv2d(x, torch.from_numpy(filters), torch.from_numpy(bias))
    apart = apart * torch.from_numpy(gamma)[:, None, None]
    apart = apart + torch.from_numpy(beta)[:, None, None]
    weight, shift = map(torch.from_numpy, fold(filters, bias, gamma, beta))
    together = F.conv2d(x, weight, shift)
    assert torch.equal(together, apart)
    assert apart.abs().max() > 100


def test_folded_filters_are_gamma_times_the_stored_ones(trained: DlibFaceNet) -> None:
    file = read_dlib_file(dlib_model(RECOGNITION))
    stored, affine = file.floats(file.layers[0]), file.floats(file.layers[1])
    # Channel 2 of the stem, by hand.
    gamma, beta = affine[2], affine[32 + 2]
    filters = stored[2 * 147 : 3 * 147].reshape(3, 7, 7)
    first = trained.stem.first
    assert first.bias is not None
    np.testing.assert_allclose(first.weight[2].detach(), gamma * filters, rtol=1e-6)
    bias = gamma * stored[32 * 147 + 2] + beta
    assert first.bias[2].item() == pytest.approx(float(bias), rel=1e-6)
    assert gamma > 1.5  # or the test would not see a forgotten gamma


def test_agrees_with_dlib_on_noise(trained: DlibFaceNet, noise: Image) -> None:
    expected = _by_dlib(dlib_model(RECOGNITION), noise)
    found = _by_torch(trained, noise)
    assert np.abs(found - expected).max() < 1e-4
    assert np.abs(expected).max() > 0.1


@pytest.mark.realdata
@pytest.mark.skipif(not LFW.is_dir(), reason=f"{LFW} is not there")
def test_agrees_with_dlib_on_photographs(trained: DlibFaceNet) -> None:
    people = sorted(LFW.iterdir())[:: max(1, len(list(LFW.iterdir())) // 8)][:8]
    photos = [read_rgb(min(person.glob("*.jpg"))) for person in people]
    # LFW's faces are centred: these pixels are about what an aligned chip shows.
    faces = [cv2.resize(p[60:190, 60:190], (150, 150)) for p in photos]
    chips = np.stack(faces).astype(np.uint8)
    expected = _by_dlib(dlib_model(RECOGNITION), chips)
    assert len(chips) == 8
    assert np.abs(_by_torch(trained, chips) - expected).max() < 1e-4
    assert 1.2 < np.linalg.norm(expected, axis=1).mean() < 1.7


def test_dlib_loads_what_is_written(tmp_path: Path, noise: Image) -> None:
    changed = read_dlib_network().eval()
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for part in changed.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                shape = part.weight.shape
                part.weight.mul_(1 + 0.05 * torch.randn(shape, generator=rng))
    path = tmp_path / "new" / "changed.dat"
    write_dlib_file(changed, path)
    expected = _by_torch(changed, noise)
    assert np.abs(_by_dlib(path, noise) - expected).max() < 1e-5
    assert np.abs(_by_torch(read_dlib_network(), noise) - expected).max() > 0.01
    assert [p.name for p in path.parent.iterdir()] == ["changed.dat"]


def test_written_weights_are_read_back_bit_by_bit(
    tmp_path: Path, trained: DlibFaceNet
) -> None:
    path = tmp_path / "same.dat"
    write_dlib_file(trained, path)
    again = read_dlib_network(path).state_dict()
    for name, tensor in trained.state_dict().items():
        assert torch.equal(again[name], tensor), name


def test_another_layout_is_refused_by_its_first_strange_layer(tmp_path: Path) -> None:
    data = dlib_model(RECOGNITION).read_bytes()
    layer = read_dlib_file(dlib_model(RECOGNITION)).layers[0]
    # Padding of the first convolution, (0, 0) -> (1, 0), follows its floats; the
    # ints are 01 20 (32 filters), 01 07 twice, 01 02 twice, 01 00 twice.
    place = layer.offset + 4 * layer.count + 2 * 5
    assert data[place : place + 4] == b"\x01\x00\x01\x00"
    path = tmp_path / "padded.dat"
    path.write_bytes(data[: place + 1] + b"\x01" + data[place + 2 :])
    with pytest.raises(BadRecord, match=r"layer 0 is .*expected .*Use dlib_face"):
        read_dlib_network(path)
