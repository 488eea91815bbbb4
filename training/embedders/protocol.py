"""What a face embedder is: chips in, embeddings out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32, Image
from training.metrics.score_normalization import Cohort

# Name of dlib's network among the backbones.
DLIB_BACKBONE = "dlib"


class Embedder(Protocol):
    """A network that turns face chips into vectors, near for the same person.

    Attributes:
        fingerprint: hex SHA-256 of all that decides its output (weights, chip
            geometry) and distances; vectors of different ones are not compared.
        name: short name for tables and messages.
        dimension: D, length of an embedding.
        metric: how two embeddings are compared; "euclidean" means that the
            score is a distance and lower is closer.
        cohort: makes distances mean the same for every face; None = they are as
            they are.
        geometry: the chip it reads.
    """

    fingerprint: str
    name: str
    dimension: int
    metric: str
    cohort: Cohort | None
    geometry: ChipGeometry

    def embed(self, chips: Image) -> Float32:
        """(N, 3, S, S) uint8 RGB chips to (N, D) float32 embeddings.

        Rows are independent of the batch they come in; N may be 0.
        """


def check_chips(chips: Image, geometry: ChipGeometry) -> None:
    """Raise ValueError unless chips are (N, 3, S, S) uint8 of this geometry."""
    side = geometry.size_px
    if chips.shape[1:] != (3, side, side) or chips.dtype != np.uint8:
        raise ValueError(
            f"expected (N, 3, {side}, {side}) uint8 chips, got {chips.shape} "
            f"{chips.dtype}"
        )


def weights_fingerprint(
    weights: Mapping[str, NDArray[Any]],
    geometry: ChipGeometry,
    flip_average: bool,
    backbone: str = DLIB_BACKBONE,
    cohort: Cohort | None = None,
) -> str:
    """Hex SHA-256 of all that decides embeddings and distances, whatever computes it.

    Args:
        weights: of the network by name, float32.
        backbone: its name in `backbones`.
    """
    digest = hashlib.sha256()
    settings = dataclasses.asdict(geometry) | {"flip_average": flip_average}
    # Left out where they are what they always were before they could be chosen, so
    # that older fingerprints stay true.
    settings = {n: v for n, v in settings.items() if v or n not in ("right", "down")}
    if backbone != DLIB_BACKBONE:
        settings["backbone"] = backbone
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for name in sorted(weights):
        values = weights[name].astype("<f4")
        digest.update(f"\n{name} {values.shape}\n".encode())
        digest.update(values.tobytes())
    if cohort is not None:
        digest.update(
            f"\ncohort {cohort.members.shape} {cohort.mean_score!r}\n".encode()
        )
        digest.update(cohort.members.astype("<f4").tobytes())
    return digest.hexdigest()
