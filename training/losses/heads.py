"""What a training minimises besides distillation: heads by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from training.distributed import Processes, gather_rows
from training.losses.distillation import TEMPERATURE
from training.losses.margins import MARGINS
from training.losses.sharded_softmax import ShardedSoftmax


@dataclass(frozen=True)
class HeadSetting:
    """What a head must know.

    Attributes:
        classes: people that are trained on.
        dimension: of features.
        margin: 0 = the usual one of the head; of "contrastive" its temperature.
        scale: of cosines, in margin heads.
        fraction: of the classes in a step, in margin heads.
        directions: (classes, D) where margin heads begin: each person's mean feature
            by a trained network; None = random.
    """

    classes: int
    dimension: int
    margin: float
    scale: float
    fraction: float
    processes: Processes
    seed: int
    directions: Tensor | None = None


def _softmax(name: str, setting: HeadSetting) -> ShardedSoftmax:
    head = ShardedSoftmax(
        setting.classes,
        setting.dimension,
        MARGINS[name](setting.margin),
        setting.scale,
        setting.fraction,
        setting.processes,
        setting.seed,
    )
    if setting.directions is not None:
        with torch.no_grad():
            head.weight.copy_(setting.directions[head.own.start : head.own.stop])
    return head


class PairHead(nn.Module):
    """A loss over the pairs or triplets of a batch, by pytorch-metric-learning."""

    def __init__(self, loss: Any, miner: Any, processes: Processes) -> None:
        super().__init__()
        self.loss, self.miner, self.processes = loss, miner, processes

    def forward(self, features: Tensor, labels: Tensor, step: int) -> Tensor:
        """(b, D) features and (b,) labels to the loss over the rows of all processes.

        Args:
            step: unused; heads that draw need it.
        """
        with torch.autocast(features.device.type, enabled=False):
            rows = gather_rows(features.float(), self.processes, 1)
            labels = self.processes.gathered(labels)
            loss: Tensor = self.loss(rows, labels, self.miner(rows, labels))
            return loss


def _triplet(setting: HeadSetting) -> PairHead:
    """Semi-hard triplets of normalised features.

    Source: Schroff et al., "FaceNet", CVPR 2015, eq. 3 and section 3.2.
    """
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import TripletMarginMiner

    margin = setting.margin or 0.2
    miner = TripletMarginMiner(margin, type_of_triplets="semihard")
    return PairHead(TripletMarginLoss(margin), miner, setting.processes)


def _multi_similarity(setting: HeadSetting) -> PairHead:
    """Source: Wang et al., "Multi-similarity loss", CVPR 2019, eq. 15 and 16."""
    from pytorch_metric_learning.losses import MultiSimilarityLoss
    from pytorch_metric_learning.miners import MultiSimilarityMiner

    miner = MultiSimilarityMiner(setting.margin or 0.1)
    return PairHead(MultiSimilarityLoss(), miner, setting.processes)


def _contrastive(setting: HeadSetting) -> PairHead:
    """Softmax over squared distances within the batch, as `prototype_loss` over people.

    Source: Khosla et al., "Supervised contrastive learning", NeurIPS 2020, eq. 2, with
    negative squared distances instead of cosines.
    """
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import SupConLoss

    distance = LpDistance(normalize_embeddings=False, p=2, power=2)
    loss = SupConLoss(setting.margin or TEMPERATURE, distance=distance)
    return PairHead(loss, lambda rows, labels: None, setting.processes)


HEADS: dict[str, Callable[[HeadSetting], nn.Module]] = {
    "arcface": partial(_softmax, "arcface"),
    "cosface": partial(_softmax, "cosface"),
    "adaface": partial(_softmax, "adaface"),
    "triplet": _triplet,
    "multi-similarity": _multi_similarity,
    "contrastive": _contrastive,
}
