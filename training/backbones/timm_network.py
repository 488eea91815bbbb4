"""Any image model of timm as a face network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from masking.errors import InvalidConfig, MissingInput
from training.backbones.base import ARCFACE_CHIP, FaceNetwork, InFloat32, Scale

PREFIX = "timm:"


class TimmNetwork(FaceNetwork):
    """RGB chips to (N, 512) features through a timm model with random weights.

    The chip is ArcFace's: 112 px, or the model's own side where that is fixed (ViT).
    """

    def __init__(self, name: str) -> None:
        """
        Args:
            name: of timm, such as "resnet18".

        Raises:
            MissingInput: timm is not installed.
            InvalidConfig: it knows no such model.
        """
        super().__init__()
        try:
            import timm
        except ImportError as error:
            raise MissingInput(
                f"--backbone {PREFIX}{name} needs the package timm. In its clone: "
                "pip install '.[backbones]'"
            ) from error
        if not timm.is_model(name):
            raise InvalidConfig(
                f"timm has no model {name!r}. See: python -c 'import timm; "
                "print(timm.list_models())'"
            )
        self.backbone, self.dimension = PREFIX + name, 512
        body: Any = timm.create_model(name, num_classes=self.dimension)
        self.body: Any = body
        settings = body.default_cfg
        if settings.get("fixed_input_size"):
            side = int(settings["input_size"][1])
            self.geometry = replace(ARCFACE_CHIP, size_px=side)
        self.scale = Scale(
            tuple(255 * value for value in settings["mean"]),
            tuple(255 * value for value in settings["std"]),
        )
        self.last = InFloat32(nn.BatchNorm1d(self.dimension))

    def stages(self) -> tuple[nn.Sequential, ...]:
        """One stage: timm's models share no way of cutting them."""
        return (nn.Sequential(self.scale, self.body, self.last),)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 or float RGB in 0 to 255 to (N, 512) features."""
        features: Tensor = self.last(self.body(self.scale(chips)))
        return features

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Take over a timm file; its classes, such as ImageNet's, are left out.

        Raises:
            RuntimeError: names or shapes are not those of this model.
        """
        classifier = self.body.default_cfg["classifier"] + "."
        kept = {n: t for n, t in state.items() if not n.startswith(classifier)}
        own = self.body.state_dict()
        ours = {n: t for n, t in own.items() if n.startswith(classifier)}
        self.body.load_state_dict(kept | ours)
