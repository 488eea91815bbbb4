"""Trains dlib detectors and a landmark predictor on faces that wear masks.

The masks are painted, so the true box and landmarks of every masked face are
known: those of the bare face before painting.

    python -m tools.train_face_finder --photos data/lfw \
        --names data/lfw-protocol/peopleDevTrain.txt --out masking/models
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from masking.alignment import similarity
from masking.canonical_face import CANONICAL_FACE
from masking.face_finding import plain_finder
from masking.image_files import read_rgb
from masking.landmark_prediction import box_around
from masking.landmarks import Image, Landmarks
from masking.mask_rendering import render
from masking.mask_spec import SpecConfig, draw_specs, sample_rng
from masking.worker_pool import ordered_map, worker_count

BARE_SHARE = 0.25
# In-plane turn of the training faces, degrees: middle and half-width.
VIEWS = {"upright": (0.0, 14.0), "left": (-30.0, 12.0), "right": (30.0, 12.0)}


@dataclass(frozen=True, eq=False)
class Example:
    """One training picture with its true box (left, top, right, bottom)."""

    pixels: Image
    box: tuple[int, int, int, int]
    landmarks: Landmarks


class MakeExample:
    """Photograph to a masked, turned, scaled and cropped example."""

    def __init__(self, view: str, seed: int):
        self._finder = plain_finder()
        self._view, self._seed = view, seed

    def __call__(self, path: Path) -> Example | None:
        """None where the stock detector finds no bare face to begin with."""
        image = read_rgb(path)
        faces = self._finder.find(image)
        if not faces:
            return None
        rng = sample_rng(self._seed, f"{self._view}/{path.name}")
        landmarks = faces[0].landmarks
        if rng.random() >= BARE_SHARE:
            specs = draw_specs(rng, SpecConfig())
            image = render(image, landmarks, specs).pixels
        return _placed(image, landmarks, self._view, rng)


def _placed(
    image: Image, landmarks: Landmarks, view: str, rng: np.random.Generator
) -> Example:
    """Turn, scale and crop; what the crop loses is black, as in padded crops."""
    middle_deg, half_deg = VIEWS[view]
    turn = np.deg2rad(middle_deg + rng.uniform(-half_deg, half_deg))
    face_px = 95 * np.exp(rng.uniform(-0.12, 0.5))
    to_square = similarity(landmarks.points, CANONICAL_FACE)
    own_turn = np.arctan2(to_square[1, 0], to_square[0, 0])
    scale = face_px * float(np.hypot(to_square[0, 0], to_square[1, 0]))
    angle = turn + (own_turn if view != "upright" else 0.0)
    matrix = _turn_about(landmarks.points.mean(axis=0), angle, scale, 150.0)
    lost = _crop(image, landmarks, rng)
    moved = cv2.warpAffine(lost, matrix, (300, 300), flags=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        moved = cv2.GaussianBlur(moved, (0, 0), float(rng.uniform(0.5, 2.5)))
    placed = landmarks.moved(matrix)
    return Example(np.asarray(moved, dtype=np.uint8), true_box(placed), placed)


def _turn_about(
    centre: NDArray[np.floating], angle: float, scale: float, to: float
) -> NDArray[np.float64]:
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.hstack([turn, (to - turn @ centre)[:, None]])


def _crop(image: Image, landmarks: Landmarks, rng: np.random.Generator) -> Image:
    """Black out what a tight crop of the face would lose, in half the cases."""
    if rng.random() < 0.5:
        return image
    low, high = landmarks.points.min(axis=0), landmarks.points.max(axis=0)
    size = high - low
    left, top = np.maximum(low - rng.uniform(0.02, 0.6, 2) * size, 0).astype(int)
    right, bottom = (high + rng.uniform(0.02, 0.5, 2) * size).astype(int)
    top = max(0, top - int(0.2 * size[1]))
    kept = np.zeros_like(image)
    kept[top:bottom, left:right] = image[top:bottom, left:right]
    return kept


def true_box(landmarks: Landmarks) -> tuple[int, int, int, int]:
    """Upright box around a face as the stock detector would draw it, whole px."""
    box = box_around(landmarks)
    left, top, right, bottom = (
        round(side) for side in (box.left, box.top, box.right, box.bottom)
    )
    return left, top, right, bottom


def _examples(paths: list[Path], view: str, seed: int) -> list[Example]:
    made = ordered_map(partial(MakeExample, view, seed), paths, worker_count(0))
    shown = tqdm(made, view, len(paths), unit="photo", disable=None)
    return [example for example in shown if example is not None]


def train_detector(examples: list[Example], threads: int) -> Any:
    """A dlib fhog detector (Dalal & Triggs; King, arXiv:1502.00046)."""
    import dlib

    options = dlib.simple_object_detector_training_options()
    options.C = 4
    options.num_threads = threads
    options.be_verbose = False
    options.add_left_right_image_flips = False
    images = [example.pixels for example in examples]
    boxes = [[dlib.rectangle(*example.box)] for example in examples]
    return dlib.train_simple_object_detector(images, boxes, options)


def train_predictor(examples: list[Example], threads: int, seed: int) -> Any:
    """A dlib shape predictor (Kazemi & Sullivan, CVPR 2014)."""
    import dlib

    options = dlib.shape_predictor_training_options()
    options.cascade_depth = 12
    # 48 MB. With 10 levels of 150 trees (20 MB) the eyes' error on masked faces
    # is .034 of the distance between the eyes instead of .026.
    options.num_trees_per_cascade_level = 300
    options.tree_depth = 4
    options.nu = 0.1
    options.oversampling_amount = 10
    options.oversampling_translation_jitter = 0.06
    options.feature_pool_size = 500
    options.lambda_param = 0.1
    options.num_threads = threads
    options.be_verbose = False
    rng = np.random.default_rng(seed)
    images, shapes = [], []
    for example in examples:
        left, top, right, bottom = example.box
        size = right - left
        shift = rng.normal(0, 0.04, 2) * size
        grow = 0.5 * size * rng.normal(0, 0.06)
        corners = (
            left + shift[0] - grow,
            top + shift[1] - grow,
            right + shift[0] + grow,
            bottom + shift[1] + grow,
        )
        box = dlib.rectangle(*(round(float(value)) for value in corners))
        points = [dlib.point(round(x), round(y)) for x, y in _points(example)]
        images.append(example.pixels)
        shapes.append([dlib.full_object_detection(box, points)])
    return dlib.train_shape_predictor(images, shapes, options)


def _points(example: Example) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in example.landmarks.points]


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--faces", default=3000, show_default=True, help="Photos to use.")
@click.option("--turned", default=700, show_default=True, help="Photos a turned view.")
@click.option("--seed", default=0, show_default=True)
@click.option("--part", default="all", type=click.Choice(["all", "hog", "points"]))
def main(
    photos: Path, names: Path, out: Path, faces: int, turned: int, seed: int, part: str
) -> None:
    """Train both on the people named in NAMES (LFW's peopleDevTrain.txt)."""
    people = [line.split()[0] for line in names.read_text().splitlines()[1:]]
    paths = [path for name in people for path in sorted((photos / name).iterdir())]
    order = np.random.default_rng(seed).permutation(len(paths))
    paths = [paths[index] for index in order]
    out.mkdir(parents=True, exist_ok=True)
    upright = _examples(paths[:faces], "upright", seed)
    if part != "points":
        train_detector(upright[:1300], 2).save(str(out / "masked-upright.svm"))
        for view in ("left", "right"):
            detector = train_detector(_examples(paths[:turned], view, seed), 2)
            detector.save(str(out / f"masked-{view}.svm"))
    if part != "hog":
        mixed = upright + _examples(paths[:turned], "left", seed + 1)
        mixed += _examples(paths[:turned], "right", seed + 2)
        train_predictor(mixed, 2, seed).save(str(out / "masked-landmarks.dat"))


if __name__ == "__main__":
    main()
