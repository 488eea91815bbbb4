"""IResNet: the residual network of ArcFace, in the key layout of InsightFace.

Sources: Duta et al., "Improved residual networks", ICPR 2020 (the block); Deng et
al., "ArcFace", CVPR 2019, section 2 and 4 (112 x 112 input, BN-dropout-FC-BN head).
"""

from __future__ import annotations

from torch import Tensor, nn

from training.backbones.base import FaceNetwork, InFloat32, Scale

_LAST_SIDE_PX = 7


class Block(nn.Module):
    """BN, 3x3 convolution, BN, PReLU, 3x3 convolution, BN beside a skip path."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, maps: Tensor) -> Tensor:
        main = self.prelu(self.bn2(self.conv1(self.bn1(maps))))
        main = self.bn3(self.conv2(main))
        skip = maps if self.downsample is None else self.downsample(maps)
        summed: Tensor = skip + main
        return summed


class IResNet(FaceNetwork):
    """(N, 3, 112, 112) RGB chips to (N, 512) features.

    `load_state_dict` takes InsightFace's files strictly. A new one has random weights.
    """

    def __init__(self, backbone: str, blocks: tuple[int, int, int, int]) -> None:
        """
        Args:
            backbone: its name in `backbones`.
            blocks: how many blocks each of the four stages has.
        """
        super().__init__()
        self.backbone, self.dimension = backbone, 512
        self.scale = Scale((127.5,) * 3, (127.5,) * 3)
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        self.layer1 = _layer(64, 64, blocks[0])
        self.layer2 = _layer(64, 128, blocks[1])
        self.layer3 = _layer(128, 256, blocks[2])
        self.layer4 = _layer(256, 512, blocks[3])
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * _LAST_SIDE_PX**2, self.dimension)
        self.features = nn.BatchNorm1d(self.dimension)
        # A free scale here would work against the margin.
        self.features.weight.requires_grad_(False)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.normal_(part.weight, 0, 0.1)

    def stages(self) -> tuple[nn.Sequential, ...]:
        """Stem and 64 channels, 128, 256, 512, head."""
        return (
            nn.Sequential(self.scale, self.conv1, self.bn1, self.prelu, self.layer1),
            nn.Sequential(self.layer2),
            nn.Sequential(self.layer3),
            nn.Sequential(self.layer4),
            nn.Sequential(self.bn2, nn.Flatten(1), InFloat32(self.fc, self.features)),
        )

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 112, 112) uint8 or float RGB in 0 to 255 to (N, 512) features."""
        maps = self.prelu(self.bn1(self.conv1(self.scale(chips))))
        maps = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        head = InFloat32(self.fc, self.features)
        features: Tensor = head(self.bn2(maps).flatten(1))
        return features


def _layer(channels_in: int, channels: int, blocks: int) -> nn.Sequential:
    """Blocks of one stage; the first halves the maps."""
    rest = [Block(channels, channels, 1) for _ in range(blocks - 1)]
    return nn.Sequential(Block(channels_in, channels, 2), *rest)
