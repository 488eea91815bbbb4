"""Boxes, landmarks and chips of faces, and the coordinates that they are in.

Coordinates are (x, y) pixels, x to the right, y down, with the origin at the
centre of the top-left pixel (as dlib and OpenCV count).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]

POINT_COUNT = 68

# iBUG 68-point markup (Sagonas et al., "300 Faces In-The-Wild", ICCVW 2013).
# "Right" is the person's right: the left of the picture.
JAW = slice(0, 17)
RIGHT_BROW = slice(17, 22)
LEFT_BROW = slice(22, 27)
NOSE_BRIDGE = slice(27, 31)
NOSE_BASE = slice(31, 36)
RIGHT_EYE = slice(36, 42)
LEFT_EYE = slice(42, 48)
MOUTH = slice(48, 68)
# The point that a mirror image has in the place of each of the 68.
# fmt: off
MIRROR = np.r_[
    16:-1:-1, 26:16:-1, 27:31, 35:30:-1, 45, 44, 43, 42, 47, 46,
    39, 38, 37, 36, 41, 40, 54:47:-1, 59:54:-1, 64:59:-1, 67:64:-1,
]
# fmt: on


@dataclass(frozen=True)
class FaceBox:
    """A detected face: corners in px of the photograph, may lie outside of it.

    Attributes:
        score: the detector's confidence, 0 to 1, higher is surer.
        detector: name of what found it, as written in manifests.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float
    detector: str

    @property
    def area_px(self) -> float:
        """Area in square pixels."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def shared_px(self, other: FaceBox) -> float:
        """Area in square pixels that both boxes cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def overlap(self, other: FaceBox) -> float:
        """Shared area, as a fraction of the smaller box."""
        smaller = min(self.area_px, other.area_px)
        return self.shared_px(other) / smaller if smaller else 0.0


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The 68 points of one face.

    Attributes:
        points: (68, 2) float32, (x, y) px, read-only.
    """

    points: Float32

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=np.float32)
        if points.shape != (POINT_COUNT, 2):
            raise ValueError(f"expected ({POINT_COUNT}, 2) points, got {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("landmarks must be finite")
        points.setflags(write=False)
        object.__setattr__(self, "points", points)

    @property
    def interocular_px(self) -> float:
        """Distance between the eye centres, px."""
        right, left = self.eye_centres()
        return float(np.linalg.norm(left - right))

    def eye_centres(self) -> tuple[Float32, Float32]:
        """Centres of the person's right and left eye, each (2,) float32 px."""
        return self.points[RIGHT_EYE].mean(axis=0), self.points[LEFT_EYE].mean(axis=0)

    def moved(self, matrix: NDArray[np.floating]) -> Landmarks:
        """These points after a (2, 3) affine matrix that acts on (x, y) px."""
        turned = self.points @ matrix[:, :2].T + matrix[:, 2]
        return Landmarks(turned.astype(np.float32))

    def mirrored(self, width_px: int) -> Landmarks:
        """The points in the mirror image of a picture, each under its new name."""
        points = self.points[MIRROR].copy()
        points[:, 0] = width_px - 1 - points[:, 0]
        return Landmarks(points)


def five_points(points: Float32) -> Float32:
    """Eyes, tip of the nose and corners of the mouth of 68 points.

    Args:
        points: (68, 2).

    Returns:
        (5, 2) float32; the person's right side first.
    """
    eyes = points[RIGHT_EYE].mean(axis=0), points[LEFT_EYE].mean(axis=0)
    return np.array([*eyes, points[30], points[48], points[54]], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class FaceChip:
    """One upright face, cut out of a photograph.

    Attributes:
        pixels: (S, S, 3) uint8 RGB, read-only.
        landmarks: the 68 points in chip pixels.
        source: where the photograph came from, for messages and records.
    """

    pixels: Image
    landmarks: Landmarks
    source: str

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if len(shape) != 3 or shape[0] != shape[1] or shape[2] != 3:
            raise ValueError(f"a chip is (S, S, 3), got {shape}")
        self.pixels.setflags(write=False)
