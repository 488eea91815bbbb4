"""What a training reads: rows of the people to train on and their targets."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from masking.augment.manifest import Manifest, ManifestRow
from masking.errors import InvalidConfig
from masking.files.text import counted
from training.config import TrainConfig
from training.data.chip_dataset import unmasked_embeddings
from training.embedders.torch_embedder import NetworkEmbedder
from training.losses.loss_terms import class_means, squared_distances

_NEAREST = 10
# Of LFW, less than a tenth of the people lies closer to others.
_CROWDED = 0.7
_ROWS_AT_ONCE = 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Targets:
    """Where a frozen network, the teacher, puts the unmasked chips.

    Attributes:
        wanted: (N, D) its embedding of each row; of a real mask, under which it sees
            little, the person's prototype.
        prototypes: (P, D) mean of its embeddings of each person's unmasked chips.
        trust: (P,) how much its wish counts for each person, in (0, 1], see `trust_in`.
    """

    wanted: Tensor
    prototypes: Tensor
    trust: Tensor

    @classmethod
    def of(cls, embeddings: Tensor, labels: Tensor, wears_mask: Tensor) -> Targets:
        """The targets of (N, D) embeddings of rows whose people have labels 0 to P - 1.

        Args:
            labels: (N,), -1 for nobody known.
            wears_mask: (N,) bool; everybody has an unmasked row.
        """
        bare = ~wears_mask & (labels >= 0)
        people = int(labels.max()) + 1
        prototypes = class_means(embeddings[bare], labels[bare], people)
        wanted = torch.where(wears_mask[:, None], prototypes[labels], embeddings)
        return cls(wanted, prototypes, trust_in(prototypes))


@dataclass(frozen=True, eq=False)
class TrainData:
    """What the loop reads.

    Attributes:
        rows: of the people to train on, and of faces without names.
        held_out: unmasked rows of the validation people.
        labels: (N,) int64 person of each row, 0 to people - 1; -1 = nobody known.
        targets: None without a teacher.
        collections: (N,) where each row comes from; None = from one place.
        wears_mask: (N,) bool, the rows with a real mask; None = none.
    """

    manifest: Manifest
    rows: list[ManifestRow]
    held_out: list[ManifestRow]
    labels: Tensor
    people: int
    targets: Targets | None
    collections: NDArray[np.str_] | None = None
    wears_mask: NDArray[np.bool_] | None = None


def read_train_data(
    manifest: Manifest,
    config: TrainConfig,
    teacher: NetworkEmbedder | None,
    workers: int,
    cache: Path,
) -> TrainData:
    """Divide the people of a manifest and find their targets.

    People with masked photos alone are left out: nothing tells what they look like.
    Faces without names are there for the teacher's wish alone.

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
    unmasked = [row for row, out in zip(rows, is_held_out, strict=True) if not out]
    people = sorted({row.identity for row in unmasked})
    number = {name: index for index, name in enumerate(people)}
    masked = [row for row in manifest.masked_faces() if row.identity in number]
    nameless = _unlabelled(manifest, config, teacher)
    chosen = unmasked + masked + nameless
    wears_mask = np.array([row.wears_mask for row in chosen])
    labels = torch.tensor([number.get(row.identity, -1) for row in chosen])
    targets = None
    if teacher is not None:
        found = unmasked_embeddings(manifest, teacher, workers, cache)
        # What it sees of masked faces does not count: zeros will do.
        filled = np.zeros((len(chosen), found.shape[1]), np.float32)
        filled[: len(unmasked)] = found[: len(rows)][~is_held_out]
        filled[len(chosen) - len(nameless) :] = found[len(rows) :][: len(nameless)]
        targets = Targets.of(
            torch.from_numpy(filled), labels, torch.from_numpy(wears_mask)
        )
    return TrainData(
        manifest,
        chosen,
        [row for row, out in zip(rows, is_held_out, strict=True) if out],
        labels,
        len(people),
        targets,
        np.array([row.collection for row in chosen]),
        wears_mask,
    )


def _unlabelled(
    manifest: Manifest, config: TrainConfig, teacher: NetworkEmbedder | None
) -> list[ManifestRow]:
    """The faces without names that the teacher has a wish about."""
    rows = manifest.unlabelled_faces()
    if rows and not (teacher and config.distillation_weight):
        _log.warning(
            "%s without names left out: nothing teaches how to embed them",
            counted(len(rows), "face"),
        )
        return []
    return rows


def trust_in(prototypes: Tensor) -> Tensor:
    """(P, D) to (P,): how well a teacher tells each person from the others, at most 1.

    The cube of the mean squared distance to the _NEAREST other prototypes, beside
    _CROWDED of the median of all people, from which on it is 1. Where the teacher
    confuses people, as dlib's network does those whom it hardly saw in its training,
    holding them where it puts them is the wrong wish.
    """
    count = min(_NEAREST, len(prototypes) - 1)
    parts = []
    for start in range(0, len(prototypes), _ROWS_AT_ONCE):
        block = squared_distances(prototypes[start : start + _ROWS_AT_ONCE], prototypes)
        # The nearest of all is the person themselves.
        parts.append(block.topk(count + 1, largest=False).values[:, 1:].mean(dim=1))
    near = torch.cat(parts)
    return (near / (_CROWDED * near.median())).clamp(max=1) ** 3


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
