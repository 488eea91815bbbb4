"""Losses that hold an embedding in the space of its teacher."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# Squared distances are divided by it before the softmax: dlib's embeddings of
# two photos of a person are about 0.4 apart, of two people 0.8.
TEMPERATURE = 0.04


def squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """(N, D) and (M, D) to (N, M) squared Euclidean distances."""
    cross = rows @ columns.T
    squares = rows.square().sum(1)[:, None] + columns.square().sum(1)[None]
    return (squares - 2 * cross).clamp_min(0)


def prototype_loss(embeddings: Tensor, labels: Tensor, prototypes: Tensor) -> Tensor:
    """Softmax over distances to fixed prototypes, mean over the batch.

    loss_i = -log softmax_j(-|z_i - p_j|^2 / T) at j = label_i

    Args:
        embeddings: (N, D).
        labels: (N,) rows of `prototypes`.
        prototypes: (P, D), one a person: the mean embedding of their unmasked chips
            by the teacher. Not trained, so the space stays in place.

    Source: Snell et al., "Prototypical networks", NeurIPS 2017, eq. 2, with
    prototypes of a frozen network.
    """
    logits = -squared_distances(embeddings, prototypes) / TEMPERATURE
    return F.cross_entropy(logits, labels)


def distillation_loss(embeddings: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared distance, (N, D) to (N, D).

    Source: Hinton et al., arXiv:1503.02531, on embeddings instead of logits.
    """
    return (embeddings - wanted).square().sum(dim=1).mean()


def class_means(embeddings: Tensor, labels: Tensor, classes: int) -> Tensor:
    """(P, D) mean of the rows of each class; every class needs a row."""
    sums = torch.zeros(classes, embeddings.shape[1], dtype=embeddings.dtype)
    sums.index_add_(0, labels, embeddings)
    return sums / torch.bincount(labels, minlength=classes)[:, None]
