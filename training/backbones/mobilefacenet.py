"""MobileFaceNet, its batch normalisation folded into its convolutions.

Source: Chen et al., "MobileFaceNets: efficient CNNs for accurate real-time face
verification on mobile devices", CCBR 2018, table 1; keys and widths are those of
FaceX-Zoo (Wang et al., ACM Multimedia 2021), whose weights `load_published` takes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from training.backbones.base import FaceNetwork, InFloat32, Scale

# Of FaceX-Zoo's batch normalisation.
_EPSILON = 1e-5
_LAST_SIDE_PX = 7


class _Convolution(nn.Sequential):
    """A convolution with bias and, unless it is linear, a PReLU."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        side: int = 1,
        stride: int = 1,
        groups: int = 1,
        padding: int = 0,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, side, stride, padding, 1, groups)
        if not linear:
            self.prelu = nn.PReLU(channels)


class _Bottleneck(nn.Module):
    """Widen, filter each channel, narrow; beside a skip path where shapes allow it."""

    def __init__(self, channels_in: int, channels: int, wide: int, stride: int) -> None:
        super().__init__()
        self.conv = _Convolution(channels_in, wide)
        self.conv_dw = _Convolution(wide, wide, 3, stride, wide, 1)
        self.project = _Convolution(wide, channels, linear=True)
        self.skips = stride == 1

    def forward(self, maps: Tensor) -> Tensor:
        main: Tensor = self.project(self.conv_dw(self.conv(maps)))
        return maps + main if self.skips else main


class _Residual(nn.Module):
    """Bottlenecks of one width, one after the other."""

    def __init__(self, channels: int, count: int, wide: int) -> None:
        super().__init__()
        blocks = (_Bottleneck(channels, channels, wide, 1) for _ in range(count))
        self.model = nn.Sequential(*blocks)

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.model(maps)
        return found


class MobileFaceNet(FaceNetwork):
    """(N, 3, 112, 112) RGB chips to (N, 512) features, with 1.2 million weights."""

    backbone = "mobilefacenet"
    # They see edges and colours, and take two fifths of a training step's time.
    frozen = ("conv1", "conv2_dw", "conv_23")

    def __init__(self) -> None:
        super().__init__()
        self.dimension = 512
        self.scale = Scale((127.5,) * 3, (128.0,) * 3)
        self.conv1 = _Convolution(3, 64, 3, 2, padding=1)
        self.conv2_dw = _Convolution(64, 64, 3, 1, 64, 1)
        self.conv_23 = _Bottleneck(64, 64, 128, 2)
        self.conv_3 = _Residual(64, 4, 128)
        self.conv_34 = _Bottleneck(64, 128, 256, 2)
        self.conv_4 = _Residual(128, 6, 256)
        self.conv_45 = _Bottleneck(128, 128, 512, 2)
        self.conv_5 = _Residual(128, 2, 256)
        self.conv_6_sep = _Convolution(128, 512)
        self.conv_6_dw = _Convolution(512, 512, _LAST_SIDE_PX, groups=512, linear=True)
        self.linear = nn.Linear(512, self.dimension)

    def stages(self) -> tuple[nn.Sequential, ...]:
        """Stem, then maps of 28, 14 and 7 px and the features."""
        return (
            nn.Sequential(self.scale, self.conv1, self.conv2_dw),
            nn.Sequential(self.conv_23, self.conv_3),
            nn.Sequential(self.conv_34, self.conv_4),
            nn.Sequential(self.conv_45, self.conv_5, self.conv_6_sep, self.conv_6_dw),
            nn.Sequential(nn.Flatten(1), InFloat32(self.linear)),
        )

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 112, 112) uint8 or float RGB in 0 to 255 to (N, 512) features."""
        maps = chips
        for stage in self.stages():
            maps = stage(maps)
        return maps

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Take over FaceX-Zoo's weights, which read pictures in the order BGR.

        Raises:
            RuntimeError: names or shapes are not those of this network.
        """
        self.load_state_dict(_folded(state))


def _folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published weights without batch normalisation, for RGB."""
    folded: dict[str, Tensor] = {}
    for name, weight in state.items():
        owner, _, kind = name.rpartition(".")
        if name == "linear.weight":
            gain, offset = _normalisation(state, "bn")
            folded |= {name: weight * gain[:, None], "linear.bias": offset}
        elif owner.endswith("conv") and kind == "weight":
            gain, offset = _normalisation(state, owner.removesuffix("conv") + "bn")
            folded |= {
                name: weight * gain[:, None, None, None],
                f"{owner}.bias": offset,
            }
        elif owner.endswith("prelu"):
            folded[name] = weight
    if "conv1.conv.weight" in folded:
        folded["conv1.conv.weight"] = folded["conv1.conv.weight"].flip(1)
    return folded


def _normalisation(state: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """(C,) factors and summands that batch normalisation is at run time."""
    try:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        gain = state[f"{name}.weight"] / torch.sqrt(variance + _EPSILON)
        return gain, state[f"{name}.bias"] - mean * gain
    except KeyError as error:
        raise RuntimeError(f"{error.args[0]} is missing") from error
