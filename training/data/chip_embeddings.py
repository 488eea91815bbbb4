"""Embeds the chips of a manifest: unmasked, masked, or averaged to a cohort."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from masking.augment.manifest import Manifest, ManifestRow
from masking.errors import ToolkitError
from masking.files.model_files import read_arrays, write_arrays
from masking.landmarks import Float32
from masking.masks.spec import SpecConfig
from training.data.chip_dataset import (
    CALM,
    ChipDataset,
    Degradation,
    InOrder,
    chip_loader,
    loaded,
)
from training.embedders.embedded_face import Embedder, masked_references
from training.embedders.torch_embedder import NetworkEmbedder
from training.losses.loss_terms import class_means
from training.metrics.score_normalization import (
    LEAST_PEOPLE,
    MOST_PEOPLE,
    Cohort,
    cohort_of,
)

_BATCH = 64
# Of the files that `unmasked_embeddings` keeps.
_VERSION = 1
# Of one person, more tell hardly anything more about where people are.
_PHOTOS = 2


def embed_rows(
    manifest: Manifest,
    rows: Sequence[ManifestRow],
    embedder: Embedder,
    workers: int,
    masked_fraction: float = 0.0,
    specs: SpecConfig | None = None,
    degradation: Degradation = CALM,
    seed: int = 0,
    label: str = "embed",
    masked_reference: bool = False,
) -> Float32:
    """(N, D) float32 embeddings of the rows' chips, as recorded by default.

    Args:
        masked_fraction: 1 renders a mask on every chip, drawn by (seed, photo_id).
        masked_reference: give what masked faces are compared with.
    """
    chips = ChipDataset(
        manifest.folder,
        rows,
        manifest.geometry,
        embedder.geometry,
        masked_fraction,
        specs or SpecConfig(),
        degradation,
        seed,
    )
    loader = chip_loader(chips, InOrder(len(chips), _BATCH), workers)
    parts = [np.empty((0, embedder.dimension), dtype=np.float32)]
    for batch, _ in tqdm(
        loaded(loader), label, len(loader), unit="batch", disable=None, leave=False
    ):
        pixels = batch.numpy()
        found = embedder.embed(pixels)
        parts.append(
            masked_references(embedder, pixels, found) if masked_reference else found
        )
    return np.concatenate(parts)


def unmasked_embeddings(
    manifest: Manifest, embedder: Embedder, workers: int, cache: Path
) -> Float32:
    """(N, D) embeddings of all unmasked chips of a manifest: `faces`, then the others.

    They are computed once: the cache file's name holds the embedder's fingerprint
    and the manifest's SHA-256, so that a change of either makes a new one.
    """
    name = f"unmasked-{embedder.fingerprint[:16]}-{manifest.sha256[:16]}.npz"
    path, rows = cache / name, [*manifest.faces(), *manifest.unlabelled_faces()]
    # Damaged, it is made again; an archive holds a checksum of its content.
    with suppress(ToolkitError):
        (kept,) = read_arrays(path, "the kept embeddings", _VERSION, ("unmasked",))
        if kept.shape == (len(rows), embedder.dimension):
            return np.asarray(kept, dtype=np.float32)
    embeddings = embed_rows(manifest, rows, embedder, workers, label="unmasked chips")
    write_arrays(path, _VERSION, unmasked=embeddings)
    return embeddings


def cohort_of_rows(
    manifest: Manifest,
    rows: Sequence[ManifestRow],
    embedder: NetworkEmbedder,
    workers: int,
    seed: int,
) -> Cohort | None:
    """A cohort of the people of some rows; None for fewer than LEAST_PEOPLE.

    Each collection has members of its own, see `cohort_of`.

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
    place = {row.identity: row.collection for row in chosen}
    return cohort_of(means.numpy(), seed, [place[name] for name in people], found)
