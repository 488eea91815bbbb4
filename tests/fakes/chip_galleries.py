"""Galleries that are filled with chips, and embedders that differ."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from index.enrollment.faces import NamedFace
from index.enrollment.stage import enroll_faces
from index.gallery.gallery import open_or_create_gallery
from index.gallery.storage.store import GalleryStore
from masking.faces.finder import AlignedFace
from masking.landmarks import Float32, Image
from tests.fakes.drawn_calibrations import flat_calibration
from tests.fakes.faces_for_index import ColourEmbedder

CALIBRATION = flat_calibration(0.5)


class DoubleEmbedder(ColourEmbedder):
    """Another model: twice the colour, and one number more."""

    name = "double"
    dimension = 4

    def __init__(self, meanwhile: Callable[[], None] | None = None):
        super().__init__("d" * 64)
        self.batches: list[int] = []
        self._meanwhile = meanwhile

    def embed(self, chips: Image) -> Float32:
        self.batches.append(len(chips))
        if self._meanwhile and len(self.batches) == 1:
            self._meanwhile()
        rows = 2 * super().embed(chips)
        return np.hstack([rows, np.ones((len(rows), 1), np.float32)])


def named_faces(*names, grey=10, masked=True):
    for number, name in enumerate(names):
        pixels = np.full((32, 32, 3), (grey + number) % 256, dtype=np.uint8)
        source, sha256 = f"{name}/{number}.jpg", f"{name}{number}"
        yield NamedFace(name, AlignedFace(source, sha256, crops=(pixels,)), masked)


def filled(folder: Path, *names: str, masked: bool = True) -> Path:
    with open_or_create_gallery(folder, ColourEmbedder()) as gallery:
        enroll_faces(gallery, ColourEmbedder(), named_faces(*names, masked=masked))
    return folder


def content(folder: Path) -> list[list[tuple[Any, ...]]]:
    """Everything of a gallery but its audit and the versions of changes."""
    store = GalleryStore(folder)
    people = "SELECT id, name, created, consent, retain_until FROM people ORDER BY 1"
    tables = ("photos", "embeddings", "meta", "masked_references")
    rows = [store.read(people)]
    rows += [store.read(f"SELECT * FROM {name} ORDER BY 1") for name in tables]
    store.close()
    return rows
