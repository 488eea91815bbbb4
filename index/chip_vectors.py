"""Chips to vectors: what bare and what masked faces are compared by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32, Image
from training.covered_chips import covered_embeddings
from training.embedder import Embedder

Bools = NDArray[np.bool_]


def embed_both(embedder: Embedder, chips: Image) -> tuple[Float32, Float32]:
    """(N, D) embeddings of chips as they are, and `covered_embeddings` of them.

    Args:
        chips: (N, 3, S, S) uint8 RGB.
    """
    plain = embedder.embed(chips)
    return plain, covered_embeddings(embedder, chips, plain)


def embed_probes(embedder: Embedder, chips: Image, masked: Bools) -> Float32:
    """(N, D): what faces are looked for by. Masked ones take twice as long.

    Args:
        chips: (N, 3, S, S) uint8 RGB.
        masked: (N,) which of them wear a mask.
    """
    rows = embedder.embed(chips)
    if masked.any():
        # A copy: an embedder may keep what it gives.
        rows = rows.copy()
        rows[masked] = covered_embeddings(embedder, chips[masked], rows[masked])
    return rows


def embed_enrolled(
    embedder: Embedder, chips: Image, masked: Bools
) -> tuple[Float32, list[Float32 | None]]:
    """What a gallery keeps of faces.

    Returns:
        (N, D) as `embed_probes`; and N rows of `covered_embeddings`, which masked
        faces are compared with, None for masked chips, whose first row it is.
    """
    plain, covered = embed_both(embedder, chips)
    rows = np.where(masked[:, None], covered, plain)
    beside = [None if worn else row for row, worn in zip(covered, masked, strict=True)]
    return rows, beside


def network_input(chips: Sequence[Image]) -> Image:
    """(S, S, 3) chips to (N, 3, S, S), as embedders read them."""
    return np.ascontiguousarray(np.stack(chips).transpose(0, 3, 1, 2))
