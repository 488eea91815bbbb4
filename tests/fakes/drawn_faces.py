"""A drawn face with known landmarks, for rendering masks on without a detector."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from masking.augment.manifest import (
    MANIFEST,
    Manifest,
    ManifestRow,
    header_of,
    read_manifest,
    write_manifest,
)
from masking.augment.photo_step import CHIP_GEOMETRY
from masking.datasets.images import write_image
from masking.faces.finder import Face
from masking.faces.mean_face import CANONICAL_FACE
from masking.landmarks import LEFT_EYE, MOUTH, RIGHT_EYE, FaceBox, Image, Landmarks
from masking.rendering.render import photo_look

SKIN, DARK = (205, 150, 125), (60, 35, 30)
WALL = (90, 110, 130)


def drawn_landmarks(side_px: int, fraction: float = 0.5) -> Landmarks:
    """A frontal face whose square has `fraction` of the picture's side."""
    corner = np.array([(1 - fraction) / 2, (1 - fraction) / 2 - 0.05], np.float32)
    return Landmarks((CANONICAL_FACE * np.float32(fraction) + corner) * side_px - 0.5)


def drawn_face(side_px: int, fraction: float = 0.5) -> tuple[Image, Landmarks]:
    """A square RGB picture, brighter on the left, and the landmarks of its face."""
    landmarks = drawn_landmarks(side_px, fraction)
    points = landmarks.points
    picture = np.empty((side_px, side_px, 3), np.uint8)
    picture[:] = WALL
    face = cv2.convexHull(np.vstack([points[:17], points[17:27] - 0.15 * side_px]))
    _fill(picture, face, SKIN)
    for part in (RIGHT_EYE, LEFT_EYE, MOUTH):
        _fill(picture, cv2.convexHull(points[part]), DARK)
    light = np.linspace(1.1, 0.8, side_px, dtype=np.float32)[None, :, None]
    return np.rint(picture * light).astype(np.uint8), landmarks


def _fill(picture: Image, polygon: np.ndarray, colour: tuple[int, int, int]) -> None:
    corners = np.rint(polygon).astype(np.int32)
    cv2.fillPoly(picture, [corners], colour, lineType=cv2.LINE_AA)


class OneDrawnFace:
    """A finder that knows where `drawn_face` of 200 px has its face.

    A black picture has none.
    """

    def landmarks_in(self, image: Image, box: FaceBox) -> Landmarks:
        raise AssertionError("asked for only where no face was found")

    def find(self, image: Image) -> list[Face]:
        if not image.any():
            return []
        box = FaceBox(50, 50, 150, 150, 1.0, "drawn")
        return [Face(box, drawn_landmarks(200))]


def augmented_drawings(folder: Path) -> Manifest:
    """Eight drawn people, three chips each, as `augment` writes them: no detector."""
    rows = []
    for number in range(24):
        person, photo = divmod(number, 3)
        pixels, marks = drawn_face(CHIP_GEOMETRY.size_px, 0.44 + 0.02 * person)
        pixels = np.clip(pixels * (0.8 + 0.1 * photo), 0, 255).astype(np.uint8)
        name = f"person-{person}/{photo}.png"
        write_image(folder / name, pixels)
        rows.append(
            ManifestRow(
                name,
                f"person-{person}",
                "",
                chip=name,
                chip_landmarks=marks.points.tolist(),
                look=photo_look(pixels, marks).to_list(),
            )
        )
    write_manifest(folder / MANIFEST, header_of({}, CHIP_GEOMETRY), rows)
    return read_manifest(folder)
