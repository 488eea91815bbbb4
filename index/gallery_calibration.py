"""Measures how near strangers come to a gallery's people, and keeps that with it."""

from __future__ import annotations

import numpy as np

from index.calibration import Calibration, calibrate
from index.gallery import Gallery
from masking.errors import InvalidConfig
from masking.landmarks import Float32

_STRANGERS_AT_ONCE = 64
# Fewer say nothing about one stranger in a hundred.
MIN_STRANGERS = 50
MIN_PAIRS = 1000


def calibrate_gallery(
    gallery: Gallery, strangers: Float32, source: str, embedder_fingerprint: str
) -> Calibration:
    """Measure and store the calibration that `identify` derives thresholds from.

    Args:
        strangers: (n, D) embeddings of people who are not in the gallery, one or
            a few photos each; masked ones if masked people will be identified.
        source: what the strangers are, one line.
        embedder_fingerprint: of the embedder that made `strangers`.

    Raises:
        InvalidConfig: too few strangers or people, or another embedder's rows.
    """
    if embedder_fingerprint != gallery.fingerprint:
        raise InvalidConfig("the strangers were embedded by another model.")
    matrix = gallery.templates().matrix
    pairs = len(strangers) * len(matrix)
    if len(strangers) < MIN_STRANGERS or pairs < MIN_PAIRS:
        raise InvalidConfig(
            f"a calibration needs {MIN_STRANGERS} strangers and {MIN_PAIRS:,} pairs, "
            f"got {len(strangers)} strangers and {len(matrix)} people in the gallery."
        )
    distances = np.empty((len(strangers), len(matrix)), dtype=np.float32)
    lengths = (matrix.astype(np.float64) ** 2).sum(axis=1)
    for start in range(0, len(strangers), _STRANGERS_AT_ONCE):
        piece = strangers[start : start + _STRANGERS_AT_ONCE].astype(np.float64)
        squares = (piece**2).sum(axis=1)[:, None] + lengths - 2 * piece @ matrix.T
        distances[start : start + len(piece)] = np.sqrt(np.maximum(squares, 0))
    calibration = calibrate(distances, source)
    gallery.set_calibration(calibration)
    return calibration
