"""What a training reads: rows of the people to train on and their targets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from masking.augment.manifest import Manifest, ManifestRow
from masking.errors import InvalidConfig
from training.config import TrainConfig
from training.data.chip_embeddings import unmasked_embeddings
from training.embedders.torch_embedder import NetworkEmbedder
from training.losses.loss_terms import class_means


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
    """Rows of the people that a training with these options holds out."""
    rows = manifest.faces()
    is_held_out = validation_people([row.identity for row in rows], fraction, seed)
    return [row for row, out in zip(rows, is_held_out, strict=True) if out]


def validation_people(
    identities: Sequence[str], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which photographs belong to people held out for validation.

    A person's side depends on their name and the seed alone, so that adding
    photographs or people moves nobody from one side to the other.

    Args:
        identities: one for each photograph.
        fraction: of people, in (0, 1).

    Returns:
        (N,) bool, True = validation.

    Raises:
        InvalidConfig: fewer than four people.
    """
    people = sorted(set(identities), key=lambda name: _place(name, seed))
    if len(people) < 4:
        raise InvalidConfig(
            f"{len(people)} people are too few: two are trained on and two are held "
            "out for validation. Add people."
        )
    is_held_out = {name for name in people if _place(name, seed) < fraction}
    # Small collections may miss the fraction altogether.
    is_held_out = (is_held_out | set(people[:2])) - set(people[-2:])
    return np.array([name in is_held_out for name in identities])


def _place(name: str, seed: int) -> float:
    # A folder's name need not be UTF-8.
    text = f"{seed}/{name}".encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(text).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
