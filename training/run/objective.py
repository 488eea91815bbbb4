"""What a training step minimises."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from masking.errors import InvalidConfig
from training.backbones.base import FaceNetwork
from training.config import NO_HEAD, PAIR_HEADS, TrainConfig
from training.data.train_data import TrainData
from training.distributed import Processes
from training.losses.loss_terms import (
    HEADS,
    HeadSetting,
    distillation_loss,
    prototype_loss,
)


class Objective(nn.Module):
    """The weighted sum of distillation, frozen prototypes and a head.

    Attributes:
        head: None without one.
    """

    wanted: Tensor
    prototypes: Tensor
    trust: Tensor
    labels: Tensor

    def __init__(
        self,
        data: TrainData,
        config: TrainConfig,
        network: FaceNetwork,
        processes: Processes,
    ) -> None:
        """
        Raises:
            InvalidConfig: nothing would be minimised.
        """
        super().__init__()
        # In a list, so that its weights are not taken for the objective's.
        self._network = [network]
        self.register_buffer("labels", data.labels)
        targets = data.targets
        self.prototype_weight = config.prototype_weight if targets else 0.0
        self.distillation_weight = config.distillation_weight if targets else 0.0
        self.head_weight = config.head_weight
        self._compares_pairs = config.head in PAIR_HEADS
        if targets is not None:
            self.register_buffer("wanted", targets.wanted)
            self.register_buffer("prototypes", targets.prototypes)
            self.register_buffer("trust", targets.trust)
        self.head: nn.Module | None = None
        if config.head != NO_HEAD:
            setting = _head_setting(data, config, network.dimension, processes)
            self.head = HEADS[config.head](setting)
        elif not self.prototype_weight and not self.distillation_weight:
            raise InvalidConfig(
                "nothing to minimise: without a teacher, or with both its "
                "weights 0, training needs a --head, such as arcface"
            )

    def forward(self, features: Tensor, rows: Tensor) -> Tensor:
        """The loss of (B, D) features.

        Args:
            rows: (B,) of the training data.
        """
        embeddings = self._network[0].embeddings(features)
        labels = self.labels[rows]
        known = labels >= 0
        loss = torch.zeros((), device=features.device)
        if self.prototype_weight:
            # Nobody's face has no prototype, and the teacher is trusted with it.
            trust = self.trust[labels] * known
            loss = loss + self.prototype_weight * prototype_loss(
                embeddings, labels.clamp_min(0), self.prototypes, trust
            )
        if self.distillation_weight:
            trust = torch.where(known, self.trust[labels], 1.0)
            loss = loss + self.distillation_weight * distillation_loss(
                embeddings, self.wanted[rows], trust
            )
        if self.head is not None:
            # Margin heads normalise themselves, and AdaFace reads the lengths.
            rows_of_head = embeddings if self._compares_pairs else features
            loss = loss + self.head_weight * self.head(rows_of_head, labels)
        return loss


def _head_setting(
    data: TrainData, config: TrainConfig, dimension: int, processes: Processes
) -> HeadSetting:
    return HeadSetting(
        data.people,
        dimension,
        config.margin,
        config.head_scale,
        processes,
        config.seed,
        data.targets.prototypes if data.targets else None,
    )
