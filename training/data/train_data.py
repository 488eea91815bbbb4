"""What a training reads: rows of the people to train on and their targets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from masking.augment.manifest import Manifest, ManifestRow
from masking.errors import InvalidConfig
from training.config import TrainConfig
from training.data.chip_embeddings import unmasked_embeddings
from training.data.identity_split import validation_people
from training.embedders.torch_embedder import NetworkEmbedder
from training.losses.distillation import class_means


@dataclass(frozen=True, eq=False)
class Targets:
    """Where a frozen network, the teacher, puts the unmasked chips.

    Attributes:
        wanted: (N, D) its embedding of each row.
        prototypes: (P, D) mean of each person's rows of `wanted`.
    """

    wanted: Tensor
    prototypes: Tensor


@dataclass(frozen=True, eq=False)
class TrainData:
    """What the loop reads.

    Attributes:
        rows: of the people to train on.
        held_out: rows of the validation people.
        labels: (N,) int64 person of each row, 0 to people - 1.
        targets: None without a teacher.
    """

    manifest: Manifest
    rows: list[ManifestRow]
    held_out: list[ManifestRow]
    labels: Tensor
    people: int
    targets: Targets | None


def read_train_data(
    manifest: Manifest,
    config: TrainConfig,
    teacher: NetworkEmbedder | None,
    workers: int,
    cache: Path,
) -> TrainData:
    """Divide the people of a manifest and find their targets.

    Args:
        cache: folder that keeps the teacher's embeddings for the next time.

    Raises:
        InvalidConfig: no face, or too few people.
    """
    rows = manifest.faces()
    if not rows:
        raise InvalidConfig(
            f"{manifest.folder}: its manifest holds no face. Run augment on photos of "
            "faces first."
        )
    identities = [row.identity for row in rows]
    is_held_out = validation_people(
        identities, config.validation_fraction, config.validation_seed
    )
    train_rows = [row for row, out in zip(rows, is_held_out, strict=True) if not out]
    people = sorted({row.identity for row in train_rows})
    number = {name: index for index, name in enumerate(people)}
    labels = torch.tensor([number[row.identity] for row in train_rows])
    targets = None
    if teacher is not None:
        unmasked = unmasked_embeddings(manifest, teacher, workers, cache)
        wanted = torch.from_numpy(unmasked[~is_held_out])
        targets = Targets(wanted, class_means(wanted, labels, len(people)))
    held_out = [row for row, out in zip(rows, is_held_out, strict=True) if out]
    return TrainData(manifest, train_rows, held_out, labels, len(people), targets)


def held_out_rows(manifest: Manifest, fraction: float, seed: int) -> list[ManifestRow]:
    """Rows of the people that a training with these options keeps out."""
    rows = manifest.faces()
    is_held_out = validation_people([row.identity for row in rows], fraction, seed)
    return [row for row, out in zip(rows, is_held_out, strict=True) if out]
