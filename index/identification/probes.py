"""Photographs of somebody unknown: read, their faces found, aligned and embedded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.gallery.storage.rows import checked_embedding
from masking.datasets.image_decoding import decode_rgb
from masking.datasets.images import file_sha256
from masking.faces.alignment import crop_chip
from masking.faces.detectors import FaceBox
from masking.faces.finder import FaceFinder
from masking.landmarks import Float32, Image
from training.embedders.protocol import Embedder


@dataclass(frozen=True, eq=False)
class Probe:
    """A photograph of somebody unknown, with all its faces.

    Attributes:
        path: the file, or a name for what was no file.
        token: short and the same for the same picture; names its cards.
        image: (H, W, 3) uint8 RGB.
        boxes: where the faces are, the prominent one first.
        chips: (F, 3, S, S) uint8 RGB, as the embedder reads them.
        embeddings: (F, D) float32, one row a face.
    """

    path: Path
    token: str
    image: Image
    boxes: tuple[FaceBox, ...]
    chips: Image
    embeddings: Float32

    def chip(self, face: int) -> Image:
        """(S, S, 3) uint8 RGB, the aligned face."""
        return np.ascontiguousarray(self.chips[face].transpose(1, 2, 0))


class ProbeReader:
    """Finds and embeds the faces of pictures."""

    def __init__(self, embedder: Embedder, finder: FaceFinder):
        self.embedder = embedder
        self._finder = finder

    def read(self, data: bytes, path: Path) -> Probe:
        """The probe that is the bytes of an image file.

        Raises:
            UnreadableImage: no image, damaged or too large.
            BadRecord: the embedder answers what is no embedding.
        """
        image = decode_rgb(data, str(path))
        return self.look(image, path, file_sha256(data)[:8])

    def look(self, image: Image, path: Path, token: str) -> Probe:
        """The probe that is an (H, W, 3) uint8 RGB picture."""
        faces = self._finder.find(image)
        geometry, side = self.embedder.geometry, self.embedder.geometry.size_px
        chips = np.empty((len(faces), 3, side, side), dtype=np.uint8)
        for face, found in enumerate(faces):
            chip = crop_chip(image, found.landmarks, geometry, str(path))
            chips[face] = chip.pixels.transpose(2, 0, 1)
        dimension = self.embedder.dimension
        embeddings = np.empty((len(chips), dimension), dtype=np.float32)
        if len(chips):
            for face, row in enumerate(self.embedder.embed(chips)):
                embeddings[face] = checked_embedding(row, dimension, str(path))
        boxes = tuple(found.box for found in faces)
        return Probe(path, token, image, boxes, chips, embeddings)
