"""What a training minimises: distillation, prototypes, and heads by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.distributed import Processes, known_rows
from training.losses.margin_softmax import MARGINS, ShardedSoftmax

# Squared distances are divided by it before the softmax: dlib's embeddings of
# two photos of a person are about 0.4 apart, of two people 0.8.
TEMPERATURE = 0.04


def squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """(N, D) and (M, D) to (N, M) squared Euclidean distances."""
    cross = rows @ columns.T
    squares = rows.square().sum(1)[:, None] + columns.square().sum(1)[None]
    return (squares - 2 * cross).clamp_min(0)


def prototype_loss(
    embeddings: Tensor, labels: Tensor, prototypes: Tensor, trust: Tensor
) -> Tensor:
    """Softmax over distances to fixed prototypes, mean over the batch.

    loss_i = -t_i log softmax_j(-|z_i - p_j|^2 / T) at j = label_i

    Args:
        embeddings: (N, D).
        labels: (N,) rows of `prototypes`.
        prototypes: (P, D), one a person: the mean embedding of their unmasked chips
            by the teacher. Not trained, so the space stays in place.
        trust: (N,) weights t, in (0, 1].

    Source: Snell et al., "Prototypical networks", NeurIPS 2017, eq. 2, with
    prototypes of a frozen network.
    """
    logits = -squared_distances(embeddings, prototypes) / TEMPERATURE
    return (trust * F.cross_entropy(logits, labels, reduction="none")).mean()


def distillation_loss(embeddings: Tensor, wanted: Tensor, trust: Tensor) -> Tensor:
    """Mean squared distance, (N, D) to (N, D), weighted by (N,) trust.

    Source: Hinton et al., arXiv:1503.02531, on embeddings instead of logits.
    """
    return (trust * (embeddings - wanted).square().sum(dim=1)).mean()


def class_means(embeddings: Tensor, labels: Tensor, classes: int) -> Tensor:
    """(P, D) mean of the rows of each class; every class needs a row."""
    sums = torch.zeros(classes, embeddings.shape[1], dtype=embeddings.dtype)
    sums.index_add_(0, labels, embeddings)
    return sums / torch.bincount(labels, minlength=classes)[:, None]


@dataclass(frozen=True)
class HeadSetting:
    """What a head must know.

    Attributes:
        classes: people that are trained on.
        dimension: of features.
        margin: 0 = that of the head's paper; of "contrastive" its temperature.
        scale: of cosines, in margin heads.
        directions: (classes, D) where margin heads begin: each person's mean feature
            by a trained network; None = random.
    """

    classes: int
    dimension: int
    margin: float
    scale: float
    processes: Processes
    seed: int
    directions: Tensor | None = None


def _softmax(name: str, setting: HeadSetting) -> ShardedSoftmax:
    head = ShardedSoftmax(
        setting.classes,
        setting.dimension,
        MARGINS[name](setting.margin),
        setting.scale,
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

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """(b, D) features and (b,) labels to the loss over the rows of all processes.

        Rows of label -1, nobody's, add nothing to the mean.
        """
        with torch.autocast(features.device.type, enabled=False):
            rows, labels, share = known_rows(features, labels, self.processes, 1)
            if not len(rows):
                return rows.sum()
            loss: Tensor = self.loss(rows, labels, self.miner(rows, labels))
            return share * loss


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
