"""Embeds the chips of a manifest, unmasked or masked; keeps unmasked ones on disk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from tqdm import tqdm

from masking.augment.manifest import Manifest, ManifestRow
from masking.errors import ToolkitError
from masking.faces.model_arrays import read_arrays, write_arrays
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
from training.embedders.masked_reference import masked_references
from training.embedders.protocol import Embedder

_BATCH = 64
# Of the files that `unmasked_embeddings` keeps.
_VERSION = 1


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
    """(N, D) embeddings of all unmasked chips of a manifest, in its order.

    They are computed once: the cache file's name holds the embedder's fingerprint
    and the manifest's SHA-256, so that a change of either makes a new one.
    """
    name = f"unmasked-{embedder.fingerprint[:16]}-{manifest.sha256[:16]}.npz"
    path = cache / name
    # Damaged, it is made again; an archive holds a checksum of its content.
    with suppress(ToolkitError):
        (kept,) = read_arrays(path, "the kept embeddings", _VERSION, ("unmasked",))
        if kept.shape == (len(manifest.faces()), embedder.dimension):
            return np.asarray(kept, dtype=np.float32)
    embeddings = embed_rows(
        manifest, manifest.faces(), embedder, workers, label="unmasked chips"
    )
    write_arrays(path, _VERSION, unmasked=embeddings)
    return embeddings
