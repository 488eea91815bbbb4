"""Large pictures with synthetic people, and pictures of nobody."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.face_finding.line import Clock, Line
from masking.datasets.images import read_rgb
from masking.datasets.sample import sample_people
from masking.landmarks import FaceBox, Image

# Name, width, height, portraits and their side, px; faces fill half of that.
_SCENES = (
    ("30 portraits of 300 px, 12 MP", 4000, 3000, 30, 300),
    ("12 portraits of 110 px, Full HD", 1920, 1080, 12, 110),
    ("60 portraits of 60 px, 4K", 3840, 2160, 60, 60),
    ("12 portraits, panorama 12000 x 500", 12000, 500, 12, 300),
    ("a portrait of 4,000 px", 4200, 4200, 1, 4000),
)


def scene_lines(clock: Clock) -> list[Line]:
    """Portraits of the embedded sample in a grid on noise."""
    portraits = [
        read_rgb(path) for path in sorted(sample_people().glob("*/*.jpg"))[::7]
    ]
    lines = []
    for name, width, height, count, side in _SCENES:
        image, places = scene(portraits, width, height, count, side)
        boxes = [face.box for face in clock.find(image)]
        found = sum(any(_inside(box, place) for box in boxes) for place in places)
        note = f"{len(boxes) - found} others"
        lines.append(clock.line(name, found, count, 1.0, note))
    empty, _ = scene(portraits, 1280, 720, 0, 1)
    faces = clock.find(empty)
    lines.append(clock.line("nobody in 720p", 1 - len(faces), 1, 1.0))
    return lines


def scene(
    portraits: list[Image], width: int, height: int, count: int, side: int
) -> tuple[Image, list[FaceBox]]:
    """A picture of smooth noise with portraits on it, and where these lie."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (height // 50 + 1, width // 50 + 1, 3), np.uint8)
    image = np.asarray(cv2.resize(coarse, (width, height)), np.uint8)
    places = []
    columns = max(1, width // side)
    for number in range(count):
        portrait = cv2.resize(portraits[number % len(portraits)], (side, side))
        top, left = number // columns * side, number % columns * side
        image[top : top + side, left : left + side] = portrait
        places.append(FaceBox(left, top, left + side, top + side, 0.0, ""))
    return image, places


def _inside(box: FaceBox, place: FaceBox) -> bool:
    """Whether a found box lies in the middle of a portrait."""
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    size = place.right - place.left
    near_x = abs(x - (place.left + place.right) / 2) < 0.2 * size
    near_y = abs(y - (place.top + place.bottom) / 2) < 0.25 * size
    return near_x and near_y and 0.2 * size < box.right - box.left < size
