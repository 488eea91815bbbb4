"""Turns a face upright and cuts it out: landmarks to the chip a network reads.

And says what a face in it looks like: how far it is turned, how bright and how sharp.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from masking.errors import InvalidConfig
from masking.faces.mean_face import CANONICAL_FACE, DLIB_SHIFT_X
from masking.landmarks import FaceChip, Float32, Image, Landmarks

# Points that keep their place when a mask covers the lower face. On 403 unmasked
# photos of 150 LFW DevTrain people dlib's untouched network does as well with
# them as with dlib's own choice (TAR at FAR 1e-3 .946 and .940).
UPPER_FACE = np.r_[17:31, 36:48]
# dlib's own choice (image_transforms/interpolation.h, get_face_chip_details):
# nose, eyes and upper lip.
_INNER_FACE = np.r_[27:55, 60:65]
ALIGNMENTS = {"upper": UPPER_FACE, "inner": _INNER_FACE}
# Width of the mean face as a fraction of a face's, its height being equal, and to what
# part of its width the face is narrowed. Of faces in press photos 99% are above .86,
# half of those of RMFRD, whose photos are stretched, below .80. On the latter's 90
# people of training it raises U-U TAR at FAR 1% from .364 to .513, M-U AUC from .795 to
# .816; on the faces below .90 of LFW and CelebA nothing changes.
_NARROWED = ((0.5, 0.82, 0.9, 1.0), (0.5, 0.82, 1.0, 1.0))


@dataclass(frozen=True)
class ChipGeometry:
    """What part of a face a chip shows, and at what size.

    Attributes:
        size_px: side of the chip.
        padding: border around the face square, as a fraction of the square's side.
        points: landmarks that the chip is aligned by, a key of ALIGNMENTS.
        right, down: how far the face square lies from the middle of the chip, as
            fractions of the square's side.
    """

    size_px: int = 150
    padding: float = 0.25
    points: str = "upper"
    right: float = 0.0
    down: float = 0.0

    def __post_init__(self) -> None:
        if self.size_px < 8 or not 0 <= self.padding <= 2:
            raise InvalidConfig(
                f"a chip needs 8 px and a padding in [0, 2], got {self.size_px} px "
                f"and {self.padding}"
            )
        if not (abs(self.right) <= 1 and abs(self.down) <= 1):
            raise InvalidConfig(
                "a face lies at most one square from the middle of its chip, got "
                f"{self.right} to the right and {self.down} down"
            )
        if self.points not in ALIGNMENTS:
            raise InvalidConfig(
                f"unknown alignment {self.points!r}, expected one of "
                f"{', '.join(ALIGNMENTS)}"
            )

    @property
    def square_px(self) -> float:
        """Side of the face square in chip px: the scale of the chip."""
        return self.size_px / (1 + 2 * self.padding)

    def with_margin(self, margin_px: int) -> ChipGeometry:
        """The same chip at the same scale, `margin_px` wider on all four sides."""
        padding = self.padding + margin_px / self.square_px
        return replace(self, size_px=self.size_px + 2 * margin_px, padding=padding)

    def targets(self) -> Float32:
        """(68, 2) float32: where the canonical face lies in the chip, px."""
        shift = np.array([DLIB_SHIFT_X + self.right, self.down], dtype=np.float32)
        square = CANONICAL_FACE + shift + np.float32(self.padding)
        return np.asarray(square * self.square_px - 0.5, dtype=np.float32)

    def matrix_to(self, wanted: ChipGeometry) -> NDArray[np.float64]:
        """(2, 3) matrix from px of this chip to px of another chip of the face."""
        return similarity(self.targets(), wanted.targets())


def similarity(source: Float32, target: Float32) -> NDArray[np.float64]:
    """Least-squares turn, scale and shift from `source` onto `target` points.

    Args:
        source: (K, 2), K >= 2 points that do not all coincide.
        target: (K, 2).

    Returns:
        (2, 3) float64 matrix acting on column vectors (x, y, 1).

    Source: Umeyama, "Least-squares estimation of transformation parameters",
    PAMI 1991, in two dimensions, without reflection.
    """
    from_mean, to_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = (source - from_mean).T.astype(float)
    u, v = (target - to_mean).T.astype(float)
    spread = (a * a + b * b).sum()
    if spread == 0:
        raise ValueError("all source points coincide")
    cosine = (a * u + b * v).sum() / spread
    sine = (a * v - b * u).sum() / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.hstack([turn, (to_mean - turn @ from_mean)[:, None]])


def chip_matrix(landmarks: Landmarks, geometry: ChipGeometry) -> NDArray[np.float64]:
    """(2, 3) matrix from photo px to chip px.

    A similarity, after a picture that was stretched is narrowed: many collections hold
    faces that were cut tightly and made square.
    """
    chosen, narrow = ALIGNMENTS[geometry.points], narrowing(landmarks)
    points = np.asarray(landmarks.points @ narrow.T, np.float32)
    matrix = similarity(points[chosen], geometry.targets()[chosen])
    matrix[:, :2] = matrix[:, :2] @ narrow
    return matrix


def narrowing(landmarks: Landmarks) -> NDArray[np.float64]:
    """(2, 2) matrix that narrows a face which is wider than people's faces are.

    The width is that of all 68 points beside the mean face, both upright: turned heads
    look narrow, but nothing makes them wide.
    """
    points = landmarks.points.astype(float)
    turn = similarity(landmarks.points, CANONICAL_FACE)[:, :2]
    turn /= np.sqrt(np.linalg.det(turn))
    ours, mean = points @ turn.T, CANONICAL_FACE.astype(float)
    ours, mean = ours - ours.mean(axis=0), mean - mean.mean(axis=0)
    across, down = (ours * mean).sum(axis=0) / (ours * ours).sum(axis=0)
    to = float(np.interp(across / down, *_NARROWED))
    return np.eye(2) if to == 1 else turn.T @ np.diag([to, 1.0]) @ turn


def crop_chip(
    image: Image, landmarks: Landmarks, geometry: ChipGeometry, source: str
) -> FaceChip:
    """Cut one face out of a photograph; what lies outside of it is black.

    Args:
        image: (H, W, 3) uint8 RGB photograph.
        landmarks: the face, in photo px.
        source: name of the photograph, kept with the chip.
    """
    matrix = chip_matrix(landmarks, geometry)
    pixels = warp(image, matrix, geometry.size_px)
    return FaceChip(pixels, landmarks.moved(matrix), source)


def warp(image: Image, matrix: NDArray[np.float64], size_px: int) -> Image:
    """The picture under a (2, 3) affine matrix, (size_px, size_px, 3) uint8."""
    scale = float(max(np.hypot(*matrix[:, 0]), np.hypot(*matrix[:, 1])))
    # Bilinear sampling reads 2 x 2 pixels: a larger reduction would alias, so
    # whole-number shrinking by area comes first.
    steps = int(1 / scale) if scale > 0 else 1
    if steps >= 2:
        image, matrix = _shrunk(image, matrix, size_px, steps)
    warped = cv2.warpAffine(image, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR)
    return np.asarray(warped, dtype=np.uint8)


def _shrunk(
    image: Image, matrix: NDArray[np.float64], size_px: int, steps: int
) -> tuple[Image, NDArray[np.float64]]:
    """What a crop shows of a picture, 1 / steps of its size, and its matrix.

    Of the whole picture shrinking takes as long as finding the face in it.
    """
    corners = np.array([(0, 0), (size_px, 0), (0, size_px), (size_px, size_px)])
    back = cv2.invertAffineTransform(matrix)
    shown = corners @ back[:, :2].T + back[:, 2]
    # Twice the steps: half a pixel at the end is rounded as in the whole picture.
    start = np.floor(shown.min(axis=0) / (2 * steps) - 1) * 2 * steps
    left, top = (max(0, int(value)) for value in start)
    right, bottom = (max(1, int(value)) for value in shown.max(axis=0) + 3 * steps)
    part = image[top:bottom, left:right]
    if 2 * min(part.shape[:2]) <= steps:
        # Less than half a pixel, or the crop lies beside the picture.
        return np.zeros_like(image[:1, :1]), matrix
    small = cv2.resize(
        part, None, fx=1 / steps, fy=1 / steps, interpolation=cv2.INTER_AREA
    )
    # Pixel centres: x = left + steps * (x_small + 0.5) - 0.5.
    half = np.array([left, top]) + 0.5 * steps - 0.5
    shift = matrix[:, 2:] + matrix[:, :2] @ half[:, None]
    return np.asarray(small, dtype=np.uint8), np.hstack([matrix[:, :2] * steps, shift])


# How far the tip of the nose lies before the eyes, as a fraction of their distance:
# 38.4 / 65.7 in the mean 3D face of OpenFace (Baltrusaitis et al., "OpenFace 2.0",
# FG 2018).
_NOSE_DEPTH = 0.585
_NOSE_TIP = 30
# Of an aligned crop, from brows to the tip of the nose: hardly ever under a mask.
_TOP, _BOTTOM, _SIDE = 0.2, 0.5, 0.2
# Brows to nose of that crop, as they are looked at and without what is finer than a
# quarter of them, px.
_SHARP, _COARSE = (80, 56), (20, 14)


def yaw_deg(landmarks: Landmarks) -> float:
    """How far a head is turned, 0 = ahead, above 0 to the right of the picture.

    Under weak perspective a turn by y moves the tip of the nose, d before the middle
    of the eyes, by d sin y along their axis and shrinks their distance e to e cos y.
    """
    right, left = landmarks.eye_centres()
    axis = left - right
    across = (landmarks.points[_NOSE_TIP] - (right + left) / 2) @ axis
    seen = float(across) / float(axis @ axis)
    return float(np.degrees(np.arctan(seen / _NOSE_DEPTH)))


def light_of(crop: Image) -> tuple[float, float]:
    """Mean brightness of an (S, S, 3) crop's upper face, and how much its sides differ.

    Returns:
        Brightness in [0, 1]; |left - right| / (left + right) in [0, 1].
    """
    size = len(crop)
    rows = slice(round(_TOP * size), round(_BOTTOM * size))
    grey = crop[rows, round(_SIDE * size) : round((1 - _SIDE) * size)].mean(axis=2)
    left, right = (float(half.mean()) for half in np.array_split(grey, 2, axis=1))
    return (left + right) / 510, abs(left - right) / max(left + right, 1e-9)


def detail_of(crop: Image) -> float:
    """How much of the contrast of an (S, S, 3) crop's upper face is fine, 0 to 1.

    Of press photos 99% are above .1. Blurred by 3 px where the eyes are 40 px apart,
    half of them are below .06, and enlarged from 6 px between the eyes below .07.
    """
    size = len(crop)
    rows = slice(round(0.14 * size), round(0.64 * size))
    part = crop[rows, round(0.14 * size) : round(0.86 * size)]
    grey = cv2.resize(
        cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), _SHARP, interpolation=cv2.INTER_AREA
    ).astype(np.float32)
    small = cv2.resize(grey, _COARSE, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, _SHARP, interpolation=cv2.INTER_CUBIC)
    return float((grey - coarse).std() / max(float(grey.std()), 1.0))
