"""Trains the model that tells masked faces from unmasked ones, on synthetic masks.

Each photograph gives unmasked faces, faces with a mask, and faces that only something
else covers (a hand, sunglasses), which are no masked ones.

    python -m tools.detector_training.train_mask_state --photos data/lfw --names
    data/peopleDevTrain.txt
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from masking.datasets.images import list_images, read_rgb
from masking.faces.alignment import ChipGeometry, chip_matrix, warp
from masking.faces.finder import unmasked_finder
from masking.files.model_files import write_arrays
from masking.landmarks import Float32, Image, Landmarks
from masking.masks import spec as mask_spec
from masking.masks.spec import MaskSpec, SpecConfig, draw_specs, sample_rng
from masking.rendering.render import render
from masking.workers import ordered_map
from tools.detector_training.training_faces import wanted_people
from training.embedders.mask_classifier import FORMAT_VERSION, MODEL_FILE, features

# Landmarks on masked faces are off by about this much (see training/run/figures.py).
_TURN_DEG, _SCALE, _SHIFT_PX = 3.0, 0.05, 3.0
_NOSE_OUT = ("nose_out", "nose_and_mouth_out")
_CHIN_ONLY = "nose_and_mouth_out"
_GREY_FRACTION, _COARSE_FRACTION, _JPEG_FRACTION, _DARK_FRACTION = 0.1, 0.3, 0.3, 0.5


@dataclass(frozen=True, eq=False)
class Faces:
    """What is trained on.

    Attributes:
        rows: (N, F) float32 features.
        masked: (N,) bool: a mask covers the mouth.
        nose_out: (N,) bool: a mask is worn and the nose is bare.
    """

    rows: Float32
    masked: NDArray[np.bool_]
    nose_out: NDArray[np.bool_]


class MakeFaces:
    """One photograph to the features and labels of several versions of its face."""

    def __init__(self, versions: int, seed: int):
        self._finder, self._versions, self._seed = unmasked_finder(), versions, seed
        self._geometry = ChipGeometry()

    def __call__(self, path: Path) -> Faces | None:
        """None where no face is found."""
        image = read_rgb(path)
        faces = self._finder.find(image)
        if not faces:
            return None
        marks = faces[0].landmarks
        rng = sample_rng(self._seed, path.name)
        chips, labels = [], []
        for _ in range(self._versions):
            for specs in _wardrobe(rng):
                worn = render(image, marks, specs).pixels if specs else image
                chips.append(self._chip(worn, marks, rng))
                labels.append(_label(specs))
        stacked = np.ascontiguousarray(np.stack(chips).transpose(0, 3, 1, 2))
        masked, nose_out = np.array(labels, dtype=bool).T
        return Faces(features(stacked, self._geometry), masked, nose_out)

    def _chip(self, image: Image, marks: Landmarks, rng: np.random.Generator) -> Image:
        angle = np.deg2rad(rng.normal(0, _TURN_DEG))
        scale = np.exp(rng.normal(0, _SCALE))
        turn = scale * np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        middle = np.full(2, (self._geometry.size_px - 1) / 2)
        shift = middle + rng.normal(0, _SHIFT_PX, 2) - turn @ middle
        matrix = chip_matrix(marks, self._geometry)
        moved = np.hstack(
            [turn @ matrix[:, :2], (turn @ matrix[:, 2] + shift)[:, None]]
        )
        return _worn(warp(image, moved, self._geometry.size_px), rng)


def _wardrobe(rng: np.random.Generator) -> list[tuple[MaskSpec, ...]]:
    """Nothing, a mask, a mask of another draw, and an occluder alone."""
    outfits = [
        (),
        draw_specs(rng, SpecConfig()),
        draw_specs(rng, SpecConfig(occluded=0.4)),
    ]
    occluders = draw_specs(rng, SpecConfig(occluded=1.0))[1:]
    return [*outfits, occluders]


def _label(specs: tuple[MaskSpec, ...]) -> tuple[bool, bool]:
    masks = [spec for spec in specs if spec.kind in mask_spec.KINDS]
    wearing_styles = [spec.wearing_style for spec in masks]
    covered = any(wearing_style != _CHIN_ONLY for wearing_style in wearing_styles)
    return covered, any(wearing_style in _NOSE_OUT for wearing_style in wearing_styles)


def _worn(chip: Image, rng: np.random.Generator) -> Image:
    """Grey, dark or bright, coarse, or compressed, as photographs are."""
    side = len(chip)
    values = chip
    if rng.random() < _DARK_FRACTION:
        values = (255 * (values / 255) ** np.exp(rng.normal(0, 0.3))).astype(np.uint8)
    if rng.random() < _GREY_FRACTION:
        grey = cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)
        values = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB).astype(np.uint8)
    if rng.random() < _COARSE_FRACTION:
        small_px = int(side * rng.uniform(0.25, 0.8))
        small = cv2.resize(values, (small_px, small_px), interpolation=cv2.INTER_AREA)
        values = cv2.resize(small, (side, side)).astype(np.uint8)
    if rng.random() < _JPEG_FRACTION:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))]
        _, data = cv2.imencode(".jpg", values, quality)
        values = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.asarray(values, dtype=np.uint8)


def gather(photos: list[Path], versions: int, seed: int, workers: int) -> Faces:
    """The faces of all photographs."""
    make_step = partial(MakeFaces, versions, seed)
    made = ordered_map(make_step, photos, workers)
    shown = tqdm(made, "faces", len(photos), disable=None)
    found = [faces for faces in shown if faces is not None]
    return Faces(
        np.concatenate([faces.rows for faces in found]),
        np.concatenate([faces.masked for faces in found]),
        np.concatenate([faces.nose_out for faces in found]),
    )


def fit(
    rows: Float32, labels: NDArray[np.bool_], strength: float
) -> tuple[Float32, float]:
    """Weights (F,) and offset of a logistic regression with both classes alike.

    Args:
        strength: of the ridge penalty on standardised features, per face.
    """
    from sklearn.linear_model import LogisticRegression

    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    model = LogisticRegression(
        C=1 / (strength * len(rows)), class_weight="balanced", max_iter=300
    )
    model.fit((rows - mean) / spread, labels)
    weights = model.coef_[0] / spread
    return weights.astype(np.float32), float(model.intercept_[0] - weights @ mean)


def save(path: Path, parts: list[tuple[Float32, float]]) -> None:
    """Write the regressions of the mask and of the bare nose."""
    write_arrays(
        path,
        FORMAT_VERSION,
        # 11 bits of each weight are plenty.
        weights=np.stack([weights for weights, _ in parts]).astype(np.float16),
        offsets=np.array([offset for _, offset in parts], dtype=np.float32),
    )


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--without", type=click.Path(path_type=Path), help="People to leave out.")
@click.option("--out", type=click.Path(path_type=Path), default=MODEL_FILE)
@click.option("--count", default=800, show_default=True, help="Photographs to use.")
@click.option("--versions", default=1, show_default=True, help="Of each photograph.")
@click.option("--strength", default=1e-2, show_default=True, help="Of the ridge.")
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", default=0, show_default=True, help="0 = one a CPU core.")
def main(
    photos: Path,
    names: Path,
    without: Path | None,
    out: Path,
    count: int,
    versions: int,
    strength: float,
    seed: int,
    workers: int,
) -> None:
    """Train on one photo each of the people of NAMES and write OUT."""
    people = sorted(wanted_people(names, without))
    paths = [path for name in people for path in list_images(photos / name)[:1]]
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    kept = [paths[index] for index in chosen]
    faces = gather(kept, versions, seed, workers)
    worn = faces.masked | faces.nose_out
    parts = [
        fit(faces.rows, faces.masked, strength),
        fit(faces.rows[worn], faces.nose_out[worn], strength),
    ]
    save(out, parts)
    click.echo(f"{out}: {len(faces.rows)} faces, {faces.masked.sum()} of them masked")


if __name__ == "__main__":
    main()
