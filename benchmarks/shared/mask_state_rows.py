"""The mask states of faces as rows of numbers, kept like embeddings."""

from __future__ import annotations

import numpy as np

from masking.faces.alignment import ChipGeometry
from masking.landmarks import Float32, Image
from training.embedders.mask_classifier import MaskState, mask_states, model_hash
from training.metrics.score_normalization import Cohort


class MaskStateRows:
    """An `Embedder` whose rows are (masked, nose_out) of each chip."""

    name = "mask state"
    dimension = 2
    metric = "euclidean"
    cohort: Cohort | None = None
    geometry = ChipGeometry()

    def __init__(self) -> None:
        self.fingerprint = model_hash()

    def embed(self, chips: Image) -> Float32:
        """(N, 3, S, S) uint8 to (N, 2) float32."""
        states = mask_states(chips, self.geometry)
        rows = [(state.masked, state.nose_out) for state in states]
        return np.array(rows, dtype=np.float32).reshape(-1, 2)


def states_of(rows: Float32) -> list[MaskState]:
    """The reverse of `MaskStateRows.embed`."""
    return [MaskState(float(masked), float(nose_out)) for masked, nose_out in rows]
