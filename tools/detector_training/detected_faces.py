"""Training pictures for what follows the face detector, as the detector sees them.

The masks are rendered, so the true landmarks of every masked face are those of the
unmasked face before rendering.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.datasets.images import read_rgb
from masking.faces.alignment import similarity, warp
from masking.faces.detector import FaceDetector, roll_crop
from masking.faces.landmark_predictor import FIVE, GEOMETRY, LandmarkPredictor
from masking.files.model_files import LANDMARKS_68, dlib_model
from masking.landmarks import Image, Landmarks
from masking.masks.patterns import Texture
from masking.masks.spec import KINDS, SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render

UNMASKED_FRACTION = 0.15
OCCLUDED_FRACTION = 0.2
# Longer side of the detector's box in the pictures, px.
_SIDES_PX = (20.0, 220.0)
# Side of the pictures, as a multiple of that.
_AROUND = 2.6
_CROPPED_FRACTION = 0.3
# The landmarks' crop is turned upright to within this.
_ROLL_ERROR_DEG = 4.0
_SURE, _AGREEMENT = 0.8, 0.25


@dataclass(frozen=True, eq=False)
class Example:
    """One face as it is detected.

    Attributes:
        small: what the roll is estimated from, see `roll_crop`.
        roll_deg: the true roll, clockwise.
        crop: (256, 256) uint8, what landmarks are looked for in, grey.
        landmarks: the true ones, px of the crop.
    """

    small: Image
    roll_deg: float
    crop: Image
    landmarks: Landmarks


class MakeExamples:
    """Photograph to masked, turned, scaled, cropped and blurred examples."""

    def __init__(self, views: int, seed: int, textures: tuple[Texture, ...]):
        self._detector = FaceDetector()
        self._predictor = LandmarkPredictor(dlib_model(LANDMARKS_68), steady=True)
        self._views, self._seed = views, seed
        # All kinds, prints of anything: what is trained must not learn what masks
        # usually look like, but what they leave of a face.
        self._specs = SpecConfig(KINDS, 1.0, OCCLUDED_FRACTION, textures)

    def __call__(self, path: Path) -> list[Example]:
        """As many as the detector sees of the views; [] where it sees no face."""
        image = read_rgb(path)
        landmarks = self.truth(image)
        if landmarks is None:
            return []
        found = []
        for number in range(self._views):
            rng = sample_rng(self._seed, f"{number}/{path.parent.name}/{path.name}")
            pixels, points = image, landmarks
            if rng.random() >= UNMASKED_FRACTION:
                pixels = render(image, landmarks, draw_specs(rng, self._specs)).pixels
            if rng.random() < 0.5:
                points = points.mirrored(image.shape[1])
                pixels = np.ascontiguousarray(pixels[:, ::-1])
            one = self._example(*_placed(pixels, points, number == 0, rng), rng)
            if one is not None:
                found.append(one)
        return found

    def truth(self, image: Image) -> Landmarks | None:
        """Landmarks of the unmasked upright face of a picture; None when unsure."""
        height, width = image.shape[:2]
        middle = np.array([width, height]) / 2
        sure = [f for f in self._detector.candidates(image) if f.score >= _SURE]
        near = [f for f in sure if np.abs(f.middle - middle).max() < f.side_px / 2]
        if len(near) != 1:
            return None
        first = self._predictor.predict(image, near[0].points)
        found = self._predictor.predict(image, first.points)
        eyes = np.array(found.eye_centres()) - near[0].points[:2]
        far = np.linalg.norm(eyes, axis=1).max() > _AGREEMENT * found.interocular_px
        return None if far else found

    def _example(
        self, image: Image, landmarks: Landmarks, rng: np.random.Generator
    ) -> Example | None:
        middle = landmarks.points.mean(axis=0)
        seen = [
            face
            for face in self._detector.candidates(image)
            if np.linalg.norm(face.middle - middle) < 0.3 * face.side_px
        ]
        if not seen:
            return None
        right, left = landmarks.eye_centres()
        roll_deg = float(np.rad2deg(np.arctan2(*(left - right)[::-1])))
        off = roll_deg + rng.normal(0, _ROLL_ERROR_DEG)
        face = self._detector.look(image, seen[0], off)
        if face.score == 0:
            return None
        matrix = similarity(face.points, FIVE)
        crop = warp(image, matrix, GEOMETRY.size_px)
        grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
        small = roll_crop(image, seen[0])
        return Example(small, roll_deg, grey, landmarks.moved(matrix))


def _placed(
    image: Image, landmarks: Landmarks, upright: bool, rng: np.random.Generator
) -> tuple[Image, Landmarks]:
    """The face turned, at a random size, perhaps in a tight crop, and degraded."""
    turn = np.deg2rad(rng.normal(0, 15) if upright else rng.uniform(-180, 180))
    low, high = landmarks.points.min(axis=0), landmarks.points.max(axis=0)
    side_px = float(np.exp(rng.uniform(*np.log(_SIDES_PX))))
    if rng.random() < 0.5:
        side_px = float(rng.uniform(90, _SIDES_PX[1]))
    scale = side_px / float((high - low).max() * 1.2)
    # Face crops are often squeezed into a square: the face grows wider.
    aspect = rng.normal(0, 0.06)
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    stretch = np.diag([np.exp(aspect / 2), np.exp(-aspect / 2)])
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ stretch
    size = int(_AROUND * side_px)
    to = size / 2 + rng.uniform(-0.1, 0.1, 2) * side_px
    shift = to - linear @ landmarks.points.mean(axis=0)
    matrix = np.hstack([linear, shift[:, None]])
    steps = max(1, int(1 / scale))
    small = cv2.blur(image, (steps, steps)) if steps > 1 else image
    moved = cv2.warpAffine(small, matrix, (size, size), flags=cv2.INTER_LINEAR)
    placed = landmarks.moved(matrix)
    pixels = np.asarray(moved, np.uint8)
    if rng.random() < _CROPPED_FRACTION:
        pixels, placed = _crop(pixels, placed, rng)
    return _degraded(pixels, rng), placed


def _crop(
    image: Image, landmarks: Landmarks, rng: np.random.Generator
) -> tuple[Image, Landmarks]:
    """A tight crop of the face."""
    low, high = landmarks.points.min(axis=0), landmarks.points.max(axis=0)
    size = high - low
    margin = rng.uniform(-0.03, 0.3, 4)
    left, top = (int(max(0, v)) for v in low - margin[:2] * size)
    right, bottom = (int(v) for v in high + margin[2:] * size)
    kept = np.ascontiguousarray(image[top:bottom, left:right])
    shift = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]])
    return kept, landmarks.moved(shift)


def _degraded(image: Image, rng: np.random.Generator) -> Image:
    """Blurred, of low resolution, grey, dark or bright, as photographs may be."""
    dice = rng.random()
    side = (image.shape[1], image.shape[0])
    if dice < 0.2:
        image = _bytes(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 2.0))))
    elif dice < 0.35:
        fraction = float(rng.uniform(0.35, 0.7))
        small = cv2.resize(
            image, None, fx=fraction, fy=fraction, interpolation=cv2.INTER_AREA
        )
        image = _bytes(cv2.resize(small, side))
    if rng.random() < 0.2:
        image = _bytes(np.dstack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)] * 3))
    if rng.random() < 0.3:
        gamma = np.exp(rng.normal(0, 0.3))
        image = _bytes(255 * (image / 255.0) ** gamma)
    return image


def _bytes(image: NDArray[np.generic] | cv2.typing.MatLike) -> Image:
    return np.ascontiguousarray(image, dtype=np.uint8)
