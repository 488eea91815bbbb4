"""LFW faces whose place is known: unmasked, masked, cropped, turned, and taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.face_finding.line import Clock, Line, eye_error, near
from masking.datasets.images import read_rgb
from masking.faces.finder import FaceFinder
from masking.landmarks import Image, Landmarks
from masking.masks.spec import SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render

_TIGHT_PX = 160
_TURNS_DEG = (0, 45, 90, 135, 180)
# Eyes are in place within this fraction of their distance.
_IN_PLACE = 0.15


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph with one face that is found unmasked, and its landmarks."""

    unmasked: Image
    masked: Image
    landmarks: Landmarks


def known_photos(paths: list[Path], truth: FaceFinder) -> Iterator[Photo]:
    """Photographs with one unmasked face, with and without a synthetic mask."""
    for path in paths:
        image = read_rgb(path)
        faces = truth.find(image)
        if len(faces) == 1:
            marks = faces[0].landmarks
            specs = draw_specs(sample_rng(0, path.name), SpecConfig())
            yield Photo(image, render(image, marks, specs).pixels, marks)


def face_lines(clock: Clock, photos: list[Photo]) -> list[Line]:
    """Unmasked, masked with the error of the eyes, and tight crops."""
    crops = [tight_crop(one.masked, one.landmarks) for one in photos]
    kinds = {
        "unmasked": [(one.unmasked, one.landmarks) for one in photos],
        "masked": [(one.masked, one.landmarks) for one in photos],
        "tight crops, masked": crops,
    }
    goals = {"unmasked": 1.0, "masked": 0.998, "tight crops, masked": 0.99}
    return [
        _line(clock, f"LFW {name}", pictures, goals[name])
        for name, pictures in kinds.items()
    ]


def turned_lines(clock: Clock, photos: list[Photo]) -> list[Line]:
    """Turned in the picture plane; a face counts when its eyes are in place."""
    lines = []
    for turn in _TURNS_DEG:
        for name in ("unmasked", "masked") if turn else ("masked",):
            pictures = [
                turned(getattr(one, name), one.landmarks, turn) for one in photos
            ]
            title = f"LFW {name}, {turn} degrees" if turn else "LFW masked, mirrored"
            if not turn:
                pictures = [_mirrored(*picture) for picture in pictures]
            lines.append(_line(clock, title, pictures, 0.99, _IN_PLACE))
    return lines


def background_line(clock: Clock, photos: list[Photo]) -> Line:
    """Faces found in photographs without their head; found = without any."""
    empty = [
        picture
        for picture in (background(one.unmasked, one.landmarks) for one in photos)
        if picture is not None
    ]
    found = [len(clock.find(picture)) for picture in empty]
    note = f"{100 * np.mean(found):.1f} faces in 100 backgrounds, goal .5"
    return clock.line("LFW backgrounds", found.count(0), len(found), 0.995, note)


def _line(
    clock: Clock,
    name: str,
    pictures: list[tuple[Image, Landmarks]],
    goal: float,
    within: float = np.inf,
) -> Line:
    errors = []
    for image, truth in pictures:
        face = near(clock.find(image), truth)
        if face is not None:
            errors.append(eye_error(face.landmarks, truth))
    inside = [error for error in errors if error <= within]
    note = f"eyes off by {np.mean(errors):.4f}, 95%: {np.percentile(errors, 95):.4f}"
    return clock.line(name, len(inside), len(pictures), goal, note)


def turned(image: Image, marks: Landmarks, degrees: float) -> tuple[Image, Landmarks]:
    """All of the picture turned clockwise about its middle, on black."""
    height, width = image.shape[:2]
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    size = (
        round(width * abs(cosine) + height * abs(sine)),
        round(width * abs(sine) + height * abs(cosine)),
    )
    turn = np.array([[cosine, -sine], [sine, cosine]])
    shift = (np.array(size) - 1) / 2 - turn @ (np.array([width, height]) - 1) / 2
    matrix = np.hstack([turn, shift[:, None]])
    seen = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(seen, dtype=np.uint8), marks.moved(matrix)


def _mirrored(image: Image, marks: Landmarks) -> tuple[Image, Landmarks]:
    return np.ascontiguousarray(image[:, ::-1]), marks.mirrored(image.shape[1])


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


def background(image: Image, landmarks: Landmarks) -> Image | None:
    """The photograph without its head; None where the head leaves too little.

    Tiles of the wider strip beside the head fill its place, upside down: nothing
    smooth, and no second face.
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
