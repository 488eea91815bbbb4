"""What a face embedder is: chips in, embeddings out."""

from __future__ import annotations

from typing import Protocol

from masking.alignment import ChipGeometry
from masking.landmarks import Float32, Image


class Embedder(Protocol):
    """A network that turns face chips into vectors, near for the same person.

    Attributes:
        fingerprint: hex SHA-256 of all that decides its output (weights and
            chip geometry); vectors of different fingerprints are not compared.
        name: short name for tables and messages.
        dimension: D, length of an embedding.
        metric: how two embeddings are compared; "euclidean" means that the
            score is a distance and lower is closer.
        geometry: the chip it reads.
    """

    fingerprint: str
    name: str
    dimension: int
    metric: str
    geometry: ChipGeometry

    def embed(self, chips: Image) -> Float32:
        """(N, 3, S, S) uint8 RGB chips to (N, D) float32 embeddings.

        Rows are independent of the batch they come in; N may be 0.
        """
