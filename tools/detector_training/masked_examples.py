"""Training pictures for the face finder: masked faces whose place is known.

The masks are rendered, so the true box and landmarks of every masked face are those
of the unmasked face before rendering.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.datasets.images import read_rgb
from masking.faces.alignment import similarity
from masking.faces.detectors import HogDetector
from masking.faces.finder import plain_finder
from masking.faces.landmark_predictor import box_around
from masking.faces.mean_face import CANONICAL_FACE
from masking.faces.model_files import STOCK
from masking.landmarks import JAW, LEFT_EYE, RIGHT_EYE, Image, Landmarks
from masking.masks.spec import KINDS, SpecConfig, draw_specs, sample_rng
from masking.masks.textures import Texture
from masking.rendering.render import render

BARE_FRACTION = 0.15
OCCLUDED_FRACTION = 0.15
SIDE_PX = 230
# Side of tight crops.
_TIGHT_PX = 160
# Side of the stock detector's box, as a multiple of the face square's.
_BOX_SQUARES = 1.3
# Sides of the face boxes: dlib's window of 80 px, up to twice that.
_BOX_PX = (88.0, 150.0)


@dataclass(frozen=True)
class View:
    """How the faces of one detector's training pictures lie.

    Attributes:
        turn_deg, spread_deg: middle and half-width of the in-plane turn.
        cropped: fraction of tight crops with a black border, as the cascade pads them.
        framed: fraction of pictures without a face that have such a border too.
    """

    turn_deg: float
    spread_deg: float
    cropped: float
    framed: float = 0.0


VIEWS = {
    "upright": View(0.0, 13.0, 0.15),
    "crop": View(0.0, 14.0, 0.85, 0.85),
    "left": View(-30.0, 14.0, 0.4),
    "right": View(30.0, 14.0, 0.4),
}


@dataclass(frozen=True, eq=False)
class Example:
    """One training picture with its true box (left, top, right, bottom), px."""

    pixels: Image
    box: tuple[int, int, int, int]
    landmarks: Landmarks


class MakeExample:
    """Photograph to a masked, turned, scaled, cropped and blurred example."""

    def __init__(self, view: str, seed: int, textures: tuple[Texture, ...]):
        self._finder = plain_finder()
        self._view, self._seed = view, seed
        # All kinds, prints of anything: a detector must not learn what masks
        # usually look like, but what they leave of a face.
        self._specs = SpecConfig(KINDS, 1.0, OCCLUDED_FRACTION, textures)

    def __call__(self, path: Path) -> Example | None:
        """None where the stock detector finds no unmasked face to begin with."""
        image = read_rgb(path)
        faces = self._finder.find(image)
        if not faces:
            return None
        rng = sample_rng(self._seed, f"{self._view}/{path.name}")
        landmarks = faces[0].landmarks
        if rng.random() >= BARE_FRACTION:
            image = render(image, landmarks, draw_specs(rng, self._specs)).pixels
        if rng.random() < 0.5:
            image, landmarks = mirrored(image, landmarks)
        return _placed(image, landmarks, VIEWS[self._view], rng)


def mirrored(image: Image, landmarks: Landmarks) -> tuple[Image, Landmarks]:
    """Left and right exchanged, the points under their new names."""
    return np.ascontiguousarray(image[:, ::-1]), landmarks.mirrored(image.shape[1])


def _placed(
    image: Image, landmarks: Landmarks, view: View, rng: np.random.Generator
) -> Example:
    cropped = rng.random() < view.cropped
    # Face crops are often squeezed into a square: the face grows wider.
    aspect = rng.uniform(-0.03, 0.25) if cropped else rng.normal(0, 0.05)
    turn = np.deg2rad(view.turn_deg + rng.uniform(-view.spread_deg, view.spread_deg))
    to_square = similarity(landmarks.points, CANONICAL_FACE)
    if view.turn_deg:
        turn += np.arctan2(to_square[1, 0], to_square[0, 0])
    box_px = float(np.exp(rng.uniform(*np.log(_BOX_PX))))
    scale = box_px / _BOX_SQUARES * float(np.hypot(to_square[0, 0], to_square[1, 0]))
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    stretch = np.diag([np.exp(aspect / 2), np.exp(-aspect / 2)])
    linear = stretch @ np.array([[cosine, -sine], [sine, cosine]])
    to = SIDE_PX / 2 + rng.uniform(-12, 12, 2)
    shift = to - linear @ landmarks.points.mean(axis=0)
    matrix = np.hstack([linear, shift[:, None]])
    moved = cv2.warpAffine(image, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR)
    pixels, placed = np.asarray(moved, dtype=np.uint8), landmarks.moved(matrix)
    if cropped:
        pixels = _crop(pixels, placed, rng)
    return Example(_worn(pixels, rng), true_box(placed), placed)


def _crop(image: Image, landmarks: Landmarks, rng: np.random.Generator) -> Image:
    """Black out what a tight crop of the face would lose."""
    low, high = landmarks.points.min(axis=0), landmarks.points.max(axis=0)
    size = high - low
    margin = rng.uniform(-0.03, 0.22, 4)
    top_margin = margin[2] + rng.uniform(0, 0.3)
    left, right = low[0] - margin[0] * size[0], high[0] + margin[1] * size[0]
    top, bottom = low[1] - top_margin * size[1], high[1] + margin[3] * size[1]
    rows = slice(max(0, int(top)), max(0, int(bottom)))
    columns = slice(max(0, int(left)), max(0, int(right)))
    kept = np.zeros_like(image)
    kept[rows, columns] = image[rows, columns]
    return kept


def _worn(image: Image, rng: np.random.Generator) -> Image:
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


def true_box(landmarks: Landmarks) -> tuple[int, int, int, int]:
    """Upright box around a face as the stock detector would draw it, whole px."""
    box = box_around(landmarks)
    left, top, right, bottom = (
        round(side) for side in (box.left, box.top, box.right, box.bottom)
    )
    return left, top, right, bottom


def background(image: Image, landmarks: Landmarks) -> Image | None:
    """The photograph without its head; None where the head leaves too little.

    Tiles of the wider strip beside the head fill its place, upside down: nothing
    smooth, and no second face, be it one of a bystander or of mirrored patterns.
    """
    width = image.shape[1]
    low, high = landmarks.points.min(axis=0), landmarks.points.max(axis=0)
    size, middle = high - low, (low + high) / 2
    left = max(0, int(middle[0] - 0.85 * size[0]))
    right = min(width, int(middle[0] + 0.85 * size[0]))
    rows = slice(max(0, int(low[1] - 0.75 * size[1])), int(high[1] + 0.25 * size[1]))
    strip = image[:, :left] if left >= width - right else image[:, right:]
    if strip.shape[1] < 8 or right <= left:
        return None
    times = (right - left) // strip.shape[1] + 1
    tiles = np.tile(strip, (1, times, 1))[:, : right - left]
    filled: Image = image.copy()
    filled[rows, left:right] = tiles[rows][::-1]
    return filled


def bystanders() -> HogDetector:
    """Sees everybody: with a second face a photograph's background is none."""
    return HogDetector("bystanders", 0.0, 2.0, {STOCK: -0.3})


def point_errors(found: Landmarks, truth: Landmarks) -> tuple[float, float]:
    """Mean distance of the eye points and of the jaw points, interocular fractions."""
    away = np.linalg.norm(found.points - truth.points, axis=1) / truth.interocular_px
    return float(away[RIGHT_EYE.start : LEFT_EYE.stop].mean()), float(away[JAW].mean())


def tight_crop(image: Image, marks: Landmarks) -> tuple[Image, Landmarks]:
    """The face from brow to chin with next to no margin, as a square picture."""
    eye = marks.interocular_px
    low = np.maximum(marks.points.min(axis=0) - [0.1 * eye, 0.45 * eye], 0).astype(int)
    high = (marks.points.max(axis=0) + 0.15 * eye).astype(int)
    piece = image[low[1] : high[1], low[0] : high[0]]
    scale = _TIGHT_PX / np.array([piece.shape[1], piece.shape[0]])
    side = (_TIGHT_PX, _TIGHT_PX)
    crop = np.asarray(cv2.resize(piece, side), dtype=np.uint8)
    return crop, Landmarks(((marks.points - low) * scale).astype(np.float32))


def framed(image: Image, rng: np.random.Generator) -> Image:
    """A piece of a picture in a black frame, as padded crops are, (S, S, 3).

    Without such pictures a detector of crops takes the frame for the face.
    """
    side = int(rng.integers(60, min(image.shape[:2])))
    top, left = (int(rng.integers(0, size - side + 1)) for size in image.shape[:2])
    shown = int(rng.integers(90, 160))
    piece = cv2.resize(image[top : top + side, left : left + side], (shown, shown))
    result = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    y, x = (int(value) for value in rng.integers(10, SIDE_PX - shown - 10, 2))
    result[y : y + shown, x : x + shown] = piece
    return result
