from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.backbones.dlib_network import Block, DlibFaceNet, Stem


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
