"""A face with its embedding: what galleries store and what is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from masking.errors import BadRecord
from masking.faces.aligned_faces import AlignedFace
from masking.landmarks import Float32
from training.embedders.masked_reference import network_input
from training.embedders.protocol import Embedder

# Face networks answer with norms of about 1 to 30; one whose weights are damaged with
# any number, whose square need not fit float32.
MAX_NORM = 1e6


@dataclass(frozen=True, eq=False)
class EmbeddedFace:
    """One aligned face and its embedding, checked.

    Attributes:
        face: what was embedded: its first crop.
        embedding: (D,) float32.
        masked: whether a mask is worn; None where nobody asked.
        masked_reference: (D,) float32 of an unmasked face, what masked ones are
            compared with (see `training.embedders.masked_reference`); None without.

    Raises:
        BadRecord: a vector is not finite, or of a norm above MAX_NORM.
    """

    face: AlignedFace
    embedding: Float32
    masked: bool | None = None
    masked_reference: Float32 | None = None

    def __post_init__(self) -> None:
        check_embedding(self.embedding, self.face.source)
        if self.masked_reference is not None:
            check_embedding(self.masked_reference, self.face.source)


def embed_faces(embedder: Embedder, faces: Sequence[AlignedFace]) -> list[EmbeddedFace]:
    """Embed faces as they are, as probes need it.

    Raises:
        BadRecord: an embedding is not finite, or of a norm above MAX_NORM.
    """
    if not faces:
        return []
    rows = embedder.embed(network_input([face.crop for face in faces]))
    return [EmbeddedFace(face, row) for face, row in zip(faces, rows, strict=True)]


def check_embedding(embedding: Float32, source: str) -> None:
    """Refuse a (D,) vector that is no embedding.

    Raises:
        BadRecord: not finite, or of a norm above MAX_NORM.
    """
    if not np.isfinite(embedding).all():
        raise BadRecord(
            f"{source}: its embedding is not finite. The photo or the model is "
            "damaged; try another of either."
        )
    # float64: the squares of large numbers overflow float32.
    if (norm := float(np.linalg.norm(embedding.astype(np.float64)))) > MAX_NORM:
        raise BadRecord(
            f"{source}: its embedding has norm {norm:g}, expected at most "
            f"{MAX_NORM:g}. The model is damaged; use another one."
        )
