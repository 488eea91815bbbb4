"""What every backbone is: face chips to features, in stages."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from masking.faces.alignment import ChipGeometry

# Alignments of other networks as places of the average face in the chip. ArcFace's
# five-point template for 112 px: the similarity that carries the average face's
# eyes, nose and mouth corners onto it, without its turn of .3 degrees.
# Source: Deng et al., "ArcFace", CVPR 2019 (code: insightface, face_align.py).
ARCFACE_CHIP = ChipGeometry(112, 0.3213, right=0.0183, down=0.2342)


class FaceNetwork(nn.Module):
    """Base of all backbones.

    Attributes:
        backbone: its name in `backbones`, kept in checkpoints.
        dimension: D, length of an embedding.
        normalised: embeddings are features divided by their length, so that their
            Euclidean distance orders pairs as the cosine does.
        geometry: the chip that it was made for.
        frozen: modules that stay as they are where trained weights are trained
            further.
    """

    backbone: str
    dimension: int
    normalised: bool = True
    geometry: ChipGeometry = ARCFACE_CHIP
    frozen: tuple[str, ...] = ()

    def stages(self) -> tuple[nn.Sequential, ...]:
        """The network cut into parts that share its weights, from the input on.

        Their composition is `forward`. The first takes chips, the last gives features.
        """
        raise NotImplementedError

    def embeddings(self, features: Tensor) -> Tensor:
        """(N, D) features, as `forward` gives them, to (N, D) embeddings."""
        if not self.normalised:
            return features
        return functional.normalize(features)

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Take over weights in the key layout in which others publish them.

        Raises:
            RuntimeError: names or shapes are not those of this network.
        """
        self.load_state_dict(dict(state))


class Scale(nn.Module):
    """(N, 3, S, S) uint8 or float RGB in 0 to 255 to (x - mean) / std."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        # Not persistent: state dicts of others do not have them.
        self.register_buffer("mean", _column(mean), persistent=False)
        self.register_buffer("std", _column(std), persistent=False)

    def forward(self, chips: Tensor) -> Tensor:
        return (chips.float() - self.mean) / self.std


class InFloat32(nn.Sequential):
    """Layers that run in float32 whatever surrounds them.

    bfloat16 would round features to 3 digits.
    """

    def forward(self, maps: Tensor) -> Tensor:
        with torch.autocast(maps.device.type, enabled=False):
            maps = maps.float()
            for layer in self:
                maps = layer(maps)
            return maps


def _column(values: tuple[float, ...]) -> Tensor:
    return Tensor(list(values))[:, None, None]
