"""Galleries that are filled with drawn embeddings."""

from pathlib import Path

import numpy as np

from masking.faces.alignment import ChipGeometry
from masking.faces.finder import AlignedFace
from masking.landmarks import Float32, Image
from training.embedders.embedded_face import EmbeddedFace
from training.metrics.score_normalization import Cohort


class FakeEmbedder:
    """Stands for a network: only its identity matters here."""

    name = "fake"
    dimension = 4
    metric = "euclidean"
    geometry = ChipGeometry(size_px=16)

    def __init__(self, fingerprint: str = "a" * 64, cohort: Cohort | None = None):
        self.fingerprint, self.cohort = fingerprint, cohort

    def embed(self, chips: Image) -> Float32:
        raise AssertionError("nothing is embedded here")


def photo(
    name,
    embedding,
    sha256=None,
    source="folder/photo.jpg",
    masked=False,
    masked_reference=None,
):
    rng = np.random.default_rng([len(name), int(10 * abs(embedding[0]))])
    chip = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    sha256 = sha256 or f"{name}-{embedding}"
    vector = np.array(embedding, dtype=np.float32)
    under = masked_reference
    under = None if under is None else np.array(under, dtype=np.float32)
    face = AlignedFace(source, sha256, crops=(chip,))
    return name, EmbeddedFace(face, vector, masked, under)


def all_bytes(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
