"""The cohort of a trained network: averages of the people that it was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from masking.augment.manifest import Manifest, ManifestRow
from training.data.chip_embeddings import embed_rows
from training.embedders.torch_embedder import NetworkEmbedder
from training.losses.distillation import class_means
from training.metrics.score_normalization import (
    LEAST_PEOPLE,
    MOST_PEOPLE,
    Cohort,
    cohort_of,
)

# Of one person, more tell hardly anything more about where people are.
_PHOTOS = 2


def cohort_of_rows(
    manifest: Manifest,
    rows: Sequence[ManifestRow],
    embedder: NetworkEmbedder,
    workers: int,
    seed: int,
) -> Cohort | None:
    """A cohort of the people of some rows; None for fewer than LEAST_PEOPLE.

    Args:
        embedder: averages over mirror images, as all do that look for somebody.
        seed: of the random draw that draws people where there are very many.
    """
    people = sorted({row.identity for row in rows})
    if len(people) < LEAST_PEOPLE:
        return None
    if len(people) > MOST_PEOPLE:
        drawn = np.random.default_rng(seed).permutation(len(people))[:MOST_PEOPLE]
        people = [people[number] for number in sorted(drawn)]
    number = {name: index for index, name in enumerate(people)}
    counts: Counter[str] = Counter()
    chosen = []
    for row in rows:
        counts[row.identity] += 1
        if row.identity in number and counts[row.identity] <= _PHOTOS:
            chosen.append(row)
    # Masked references, as they are near to unmasked faces and to masked ones alike.
    found = embed_rows(
        manifest, chosen, embedder, workers, label="cohort", masked_reference=True
    )
    labels = torch.tensor([number[row.identity] for row in chosen])
    means = class_means(torch.from_numpy(found), labels, len(people))
    return cohort_of(means.numpy(), seed)
