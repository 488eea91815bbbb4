"""Chooses the photographs that the face model is fitted on, turned upright."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from masking.augment.people_lists import people_found, read_names
from masking.datasets.images import list_images, read_rgb
from masking.faces.alignment import similarity
from masking.faces.finder import unmasked_finder
from masking.landmarks import MIRROR, Float32, Image

SIDE_PX = 250
# A turned head shows one cheek wider than the other. Beyond this ratio (natural
# log) the far side of the texture would be stretched out of a few pixels.
MAX_LOG_TURN = 0.75
# Mean difference of the channels, below which a photograph is black and white.
MIN_COLOUR = 6.0
# Middle of LFW's cheeks and noses: each channel against their mean, which is
# set a little brighter than LFW's.
_USUAL_SKIN = np.array([1.30, 0.94, 0.76])
_USUAL_LEVEL = 140.0


@dataclass(frozen=True, eq=False)
class TrainingFace:
    """One photograph of the collection that the model is fitted on.

    Attributes:
        person: name of the folder.
        path: the photograph.
        points: (68, 2) float32 landmarks in photo px.
    """

    person: str
    path: Path
    points: Float32


def wanted_people(names: Path, without: Path | None) -> frozenset[str]:
    """Those of one list who are not in another.

    Raises:
        InvalidConfig: the second leaves nobody out.
    """
    wanted = read_names(names)
    if without:
        wanted -= people_found(read_names(without), wanted, "--without", names)
    return wanted


def choose_faces(
    folder: Path, names: list[str], photos_each: int
) -> Iterator[TrainingFace]:
    """Colour photographs with one near-frontal face in the middle."""
    finder = unmasked_finder()
    for name in names:
        if not (folder / name).is_dir():
            continue
        for path in list_images(folder / name)[:photos_each]:
            image = read_rgb(path)
            faces = finder.find(image)
            if len(faces) != 1 or not _in_colour(image):
                continue
            points = faces[0].landmarks.points
            if _is_frontal(points):
                yield TrainingFace(name, path, points)


def mean_shape(shapes: Float32) -> Float32:
    """Generalised Procrustes mean, at the mean place and size of the shapes.

    Args:
        shapes: (N, 68, 2) px.

    Returns:
        (68, 2) float32 px, made symmetric about its own vertical middle.
    """
    mean = shapes.mean(axis=0)
    for _ in range(3):
        turned = np.stack([aligned(shape, mean)[0] for shape in shapes])
        mean = turned.mean(axis=0)
    mirrored = mean[MIRROR] * [-1, 1]
    mirrored[:, 0] += 2 * mean[:, 0].mean()
    return np.asarray((mean + mirrored) / 2, dtype=np.float32)


def aligned(shape: Float32, target: Float32) -> tuple[Float32, Float32]:
    """A (68, 2) shape laid onto another by turn, scale and shift; its matrix."""
    matrix = similarity(shape, target)
    moved = shape @ matrix[:, :2].T + matrix[:, 2]
    return moved.astype(np.float32), matrix.astype(np.float32)


def upright(face: TrainingFace, mean: Float32) -> tuple[Image, Float32]:
    """The photograph, and its (68, 2) points, in the frame of the mean shape."""
    points, matrix = aligned(face.points, mean)
    pixels = cv2.warpAffine(
        read_rgb(face.path),
        matrix,
        (SIDE_PX, SIDE_PX),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return pixels.astype(np.uint8, copy=False), points


def balanced(image: Image, mean: Float32) -> Image:
    """The photograph with part of its colour cast and exposure taken away.

    LFW's press photographs are often orange or dark, which components would
    mistake for a way to look. Brightness is mostly kept: it holds the tone of
    the skin.

    Args:
        image: (250, 250, 3), warped to the mean shape.
        mean: (68, 2) px, the mean shape.
    """
    left, top = np.round(mean[[2, 29]].min(axis=0)).astype(int)
    right, bottom = np.round(mean[[14, 33]].max(axis=0)).astype(int)
    colour = image[top:bottom, left + 8 : right - 8].reshape(-1, 3).mean(axis=0)
    level = colour.mean()
    hue = (_USUAL_SKIN / (colour / level)) ** 0.75
    exposure = (_USUAL_LEVEL / level) ** 0.4
    gains = hue * exposure
    return np.asarray(np.clip(image * gains, 0, 255), dtype=np.uint8)


def _in_colour(image: Image) -> bool:
    values = image.astype(np.float32)
    return float(np.abs(values[..., 0] - values[..., 2]).mean()) > MIN_COLOUR


def _is_frontal(points: Float32) -> bool:
    right = np.linalg.norm(points[30] - points[2])
    left = np.linalg.norm(points[30] - points[14])
    return bool(abs(np.log(right / left)) < MAX_LOG_TURN)
