"""MobileFaceNet, and FaceX-Zoo's weights in it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from training.backbones.mobilefacenet import MobileFaceNet, _folded
from training.backbones.registry import make_network

CHIPS = torch.randint(0, 256, (2, 3, 112, 112), dtype=torch.uint8)


def published():
    """Weights as FaceX-Zoo names them: convolutions, then batch normalisation."""
    state = {}
    for name, weight in make_network("mobilefacenet", seed=1).state_dict().items():
        owner, _, kind = name.rpartition(".")
        if kind == "bias":
            continue
        state[name] = weight
        if owner.endswith("conv") or owner == "linear":
            bn = owner.removesuffix("conv") + "bn" if owner != "linear" else "bn"
            count = len(weight)
            state[f"{bn}.weight"] = torch.rand(count) + 0.5
            state[f"{bn}.bias"] = torch.randn(count) * 0.1
            state[f"{bn}.running_mean"] = torch.randn(count) * 0.1
            state[f"{bn}.running_var"] = torch.rand(count) + 0.5
            state[f"{bn}.num_batches_tracked"] = torch.tensor(7)
    return state


def test_folded_layers_give_what_convolution_and_normalisation_give():
    state = published()
    folded = _folded(state)
    maps = torch.randn(2, 64, 9, 9)
    name = "conv2_dw."
    wanted = F.batch_norm(
        F.conv2d(maps, state[name + "conv.weight"], padding=1, groups=64),
        state[name + "bn.running_mean"],
        state[name + "bn.running_var"],
        state[name + "bn.weight"],
        state[name + "bn.bias"],
    )
    found = F.conv2d(
        maps,
        folded[name + "conv.weight"],
        folded[name + "conv.bias"],
        padding=1,
        groups=64,
    )
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_published_weights_read_blue_first():
    """Theirs see BGR; the first layer is turned round, since chips here are RGB."""
    state = published()
    network = MobileFaceNet().eval()
    network.load_published(state)
    first = network.conv1.conv
    theirs = nn.Conv2d(3, 64, 3, 2, 1)
    gain = state["conv1.bn.weight"] / torch.sqrt(state["conv1.bn.running_var"] + 1e-5)
    theirs.weight.data = state["conv1.conv.weight"] * gain[:, None, None, None]
    theirs.bias.data = first.bias.data
    blue_first = CHIPS.flip(1).float()
    # Of pixels up to 255.
    found = first(CHIPS.float())
    torch.testing.assert_close(found, theirs(blue_first), atol=1e-3, rtol=0)


def test_what_is_missing_or_of_another_network_is_named():
    state = published()
    del state["conv_23.project.bn.running_var"]
    with pytest.raises(RuntimeError, match=r"conv_23\.project\.bn\.running_var"):
        MobileFaceNet().load_published(state)
    with pytest.raises(RuntimeError, match="linear"):
        MobileFaceNet().load_published({})


def test_stages_are_the_network_and_share_its_weights():
    network = make_network("mobilefacenet").eval()
    features = CHIPS
    for stage in network.stages():
        features = stage(features)
    assert features.shape == (2, 512)
    torch.testing.assert_close(features, network(CHIPS))
    assert sum(p.numel() for p in network.parameters()) == 1_190_336
    kept = {id(p) for stage in network.stages() for p in stage.parameters()}
    assert kept == {id(p) for p in network.parameters()}
