"""A fake embedder and a fake finder: a face is a coloured square on grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from masking.datasets.images import write_image
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import Face
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import FaceBox, Float32, Image, Landmarks
from training.metrics.score_normalization import Cohort

GREY = 128


class ColourEmbedder:
    """A chip's mean colour, as fractions of 255: 3 numbers."""

    name = "colour"
    dimension = 3
    metric = "euclidean"
    cohort: Cohort | None = None
    geometry = ChipGeometry(size_px=32, padding=0.0)

    def __init__(self, fingerprint: str = "c" * 64):
        self.fingerprint = fingerprint
        self.embedded = 0

    def embed(self, chips: Image) -> Float32:
        assert chips.shape[1:] == (3, 32, 32)
        assert chips.dtype == np.uint8
        self.embedded += len(chips)
        colours = chips.mean(axis=(2, 3)) / 255
        return np.asarray(colours, np.float32).reshape(-1, 3)


class SquareFinder:
    """Finds the squares of 60 px that `draw_photo` renders, from left to right."""

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        raise AssertionError("asked for only where no face was found")

    def find(self, image: Image) -> list[Face]:
        colourful = (image != GREY).any(axis=2).any(axis=0)
        edges = np.flatnonzero(np.diff(np.r_[0, colourful.astype(int), 0]))
        faces = []
        for left in edges[::2]:
            points = CANONICAL_FACE * 60 + np.array([left, 20], dtype=np.float32)
            box = FaceBox(float(left), 20.0, left + 60.0, 80.0, 1.0, "square")
            faces.append(Face(box, Landmarks(points)))
        return faces


def draw_photo(path: Path, *colours: tuple[int, int, int]) -> Path:
    """A PNG with one face a colour; none gives a photo without a face."""
    image = np.full((100, 20 + 90 * max(1, len(colours)), 3), GREY, dtype=np.uint8)
    for place, colour in enumerate(colours):
        image[20:80, 20 + 90 * place : 80 + 90 * place] = colour
    write_image(path, image)
    return path


RED, GREEN, BLUE, YELLOW = (250, 5, 5), (5, 250, 5), (5, 5, 250), (250, 250, 5)
