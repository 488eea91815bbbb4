"""Checks that nobody drawn looks like somebody photographed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dlib
import numpy as np

from masking.faces.alignment import ChipGeometry, crop_chip
from masking.faces.finder import unmasked_finder
from masking.faces.model_files import RECOGNITION, dlib_model
from masking.landmarks import Float32, Image


class LikenessCheck:
    """dlib's embedder: Euclidean distance, smaller is more alike."""

    def __init__(self) -> None:
        self._network: Any = dlib.face_recognition_model_v1(
            str(dlib_model(RECOGNITION))
        )
        self._finder = unmasked_finder()

    def embeddings(self, images: Iterable[Image]) -> Float32:
        """(N, 128) float32, one row a picture; NaN where no face is found."""
        rows = [self._embedding(image) for image in images]
        return np.array(rows, dtype=np.float32).reshape(-1, 128)

    def _embedding(self, image: Image) -> Float32:
        faces = self._finder.find(image)
        if not faces:
            return np.full(128, np.nan, np.float32)
        chip = crop_chip(image, faces[0].landmarks, ChipGeometry(), "")
        row = self._network.compute_face_descriptor(np.ascontiguousarray(chip.pixels))
        return np.array(row, dtype=np.float32)


def nearest_distances(rows: Float32, others: Float32) -> Float32:
    """(N,) distance of each (N, 128) row to its nearest in (M, 128)."""
    squared = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return np.asarray(np.sqrt(np.maximum(squared, 0).min(axis=1)), dtype=np.float32)


def stranger_distances(rows: Float32, people: list[str]) -> Float32:
    """(N,) distance of each real photo to the nearest one of somebody else."""
    _, who = np.unique(np.array(people), return_inverse=True)
    nearest = []
    for row, own in zip(rows, who, strict=True):
        others = rows[who != own]
        nearest.append(nearest_distances(row[None], others)[0])
    return np.array(nearest, dtype=np.float32)
