"""Drawn pictures of people, and a finder and an embedder that understand them.

A person is a colour. The finder sees a face unless the top-left pixel is black;
the embedder sees the mean colour, darkened by a mask.
"""

import hashlib

import numpy as np

from masking.datasets.images import write_image
from masking.faces.alignment import ChipGeometry
from masking.faces.finder import Face
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import FaceBox, Float32, Image, Landmarks
from training.metrics.score_normalization import Cohort

SIDE_PX = 48


class DrawnFinder:
    def find(self, image: Image) -> list[Face]:
        if image[0, 0].max() < 5:
            return []
        height, width = image.shape[:2]
        box = FaceBox(0, 0, width, height, 1.0, "drawn")
        return [Face(box, self.landmarks_in(image, box))]

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        size = np.array([box.right - box.left, box.bottom - box.top], np.float32)
        corner = np.array([box.left, box.top], np.float32)
        return Landmarks(CANONICAL_FACE * size + corner)


class ColourEmbedder:
    """Embeds a chip as the mean colour of its middle; `blur` adds an error."""

    metric = "euclidean"
    cohort: Cohort | None = None
    dimension = 3

    def __init__(
        self, name: str, geometry: ChipGeometry | None = None, blur: float = 0.0
    ):
        self.name = name
        self.geometry = geometry or ChipGeometry(size_px=24)
        self.fingerprint = hashlib.sha256(name.encode()).hexdigest()
        self._blur = blur

    def embed(self, chips: Image) -> Float32:
        assert chips.dtype == np.uint8
        assert chips.shape[1:] == (3, self.geometry.size_px, self.geometry.size_px)
        quarter = self.geometry.size_px // 4
        middle = chips[:, :, quarter:-quarter, quarter:-quarter].astype(np.float32)
        colours = middle.mean(axis=(2, 3)) / 255
        noise = np.sin(colours * 1e4).astype(np.float32)
        return np.asarray(colours + np.float32(self._blur) * noise, np.float32)


def draw_person(path, person, photo, found=True, masked=False):
    """A picture of `person`, 0 to 26, in a slightly different light each time."""
    colour = np.array([person % 3, person // 3 % 3, person // 9]) * 80 + 40
    pixels = np.empty((SIDE_PX, SIDE_PX, 3), np.uint8)
    pixels[:] = colour + 2 * photo
    if masked:
        pixels[SIDE_PX // 2 :] = 128
    if not found:
        pixels[0, 0] = 0
    write_image(path, pixels)
