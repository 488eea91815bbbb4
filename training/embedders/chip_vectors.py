"""Chips to vectors: what unmasked and what masked faces are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from masking.landmarks import Float32, Image
from training.embedders.masked_reference import covered_embeddings
from training.embedders.protocol import Embedder


def embed_both(
    embedder: Embedder, chips: Image, unmasked: NDArray[np.bool_]
) -> tuple[Float32, list[Float32 | None]]:
    """What unmasked and what masked faces are compared with.

    Args:
        chips: (N, 3, S, S) uint8 RGB.
        unmasked: (N,) which of them wear no mask.

    Returns:
        (N, D) embeddings, and N rows of `covered_embeddings`, None for masked chips.
    """
    plain = embedder.embed(chips)
    covered: list[Float32 | None] = [None] * len(chips)
    rows = np.flatnonzero(unmasked)
    if len(rows):
        found = covered_embeddings(embedder, chips[rows], plain[rows])
        for row, vector in zip(rows, found, strict=True):
            covered[row] = vector
    return plain, covered


def network_input(chips: Sequence[Image]) -> Image:
    """(S, S, 3) chips to (N, 3, S, S), as embedders read them."""
    return np.ascontiguousarray(np.stack(chips).transpose(0, 3, 1, 2))
