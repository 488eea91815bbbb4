"""Trains the check of what detectors are not sure of: a face, or not.

Everything that the detectors see at low thresholds in unmasked, masked, cropped and
turned
photographs and in such without a face, with its landmarks as they are predicted there.

    python -m tools.detector_training.train_face_check --photos data/lfw \
        --names data/lfw-protocol/peopleDevTrain.txt --without in-mfr2.txt
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from masking.datasets.images import read_rgb
from masking.faces.detection_filter import FORMAT_VERSION, SLACK, looked_at
from masking.faces.finder import hog_stages, masked_predictor, plain_finder
from masking.faces.model_arrays import write_arrays
from masking.faces.model_files import FACE_CHECK, MODELS
from masking.landmarks import Float32, Image, Landmarks
from masking.masks.spec import KINDS, SpecConfig, draw_specs, sample_rng
from masking.masks.textures import Texture
from masking.rendering.render import render
from masking.workers import ordered_map
from tools.detector_training.masked_examples import (
    OCCLUDED_FRACTION,
    VIEWS,
    MakeExample,
    background,
    bystanders,
    framed,
    point_errors,
    tight_crop,
)
from tools.detector_training.train_face_finder import (
    people_options,
    prints_of,
    shuffled_photos,
)
from tools.detector_training.training_faces import wanted_people

# Error of the eyes, a fraction of the distance between them, below which a face was
# found
# and above which it was not; what is between teaches nothing.
_FOUND, _MISSED = 0.12, 0.3
# Log odds by which the model may be off in one face weigh little against many.
_RIDGE = 0.01


@dataclass(frozen=True, eq=False)
class Candidates:
    """What detectors took for a face.

    Attributes:
        rows: (N, GRADIENTS) float32.
        faces: (N,) bool.
    """

    rows: Float32
    faces: NDArray[np.bool_]


class MakeCandidates:
    """One photograph to what is found in several versions of it."""

    def __init__(self, textures: tuple[Texture, ...], seed: int):
        self._truth, self._seed = plain_finder(), seed
        # A second face in the photograph would be no mistake.
        self._bystanders = bystanders()
        self._stages, self._predictor = hog_stages(SLACK), masked_predictor()
        self._specs = SpecConfig(KINDS, 1.0, OCCLUDED_FRACTION, textures)
        self._views = [MakeExample(view, seed, textures) for view in VIEWS]

    def __call__(self, path: Path) -> Candidates | None:
        """None where the stock detector does not find exactly one unmasked face."""
        image = read_rgb(path)
        faces = self._truth.find(image)
        if len(faces) != 1:
            return None
        rng = sample_rng(self._seed, path.name)
        marks = faces[0].landmarks
        masked = render(image, marks, draw_specs(rng, self._specs)).pixels
        pictures: list[tuple[Image, Landmarks | None]] = [
            (image, marks),
            (masked, marks),
            tight_crop(masked, marks),
        ]
        turned = self._views[int(rng.integers(len(self._views)))](path)
        if turned is not None:
            pictures.append((turned.pixels, turned.landmarks))
        alone = len(self._bystanders.detect(image)) == 1
        empty = background(image, marks) if alone else None
        if empty is not None:
            pictures += [(empty, None), (framed(empty, rng), None)]
        rows, labels = [], []
        for picture, truth in pictures:
            for found in self._found(picture):
                error = point_errors(found, truth)[0] if truth else np.inf
                if error < _FOUND or (error > _MISSED and (alone or truth is None)):
                    rows.append(looked_at(picture, found))
                    labels.append(error < _FOUND)
        return Candidates(np.array(rows), np.array(labels)) if rows else None

    def _found(self, picture: Image) -> list[Landmarks]:
        boxes = [box for stage in self._stages for box in stage.detect(picture)]
        return [self._predictor.predict(picture, box) for box in boxes]


def fit(candidates: Candidates) -> tuple[Float32, float]:
    """Weights (GRADIENTS,) and offset, both classes alike."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_RIDGE, class_weight="balanced", max_iter=300)
    model.fit(candidates.rows, candidates.faces)
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


@click.command()
@people_options
@click.option("--out", type=click.Path(path_type=Path), default=MODELS / FACE_CHECK)
@click.option("--count", default=1800, show_default=True, help="Photographs to use.")
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", default=0, show_default=True, help="0 = one a CPU core.")
def main(
    photos: Path,
    names: Path,
    without: Path,
    out: Path,
    count: int,
    seed: int,
    workers: int,
) -> None:
    """Train on the people of NAMES (LFW's peopleDevTrain.txt) and write OUT.

    People whom `train_face_finder.held_out` names are held out: the thresholds were
    chosen on them.
    """
    paths = shuffled_photos(photos, wanted_people(names, without), seed)
    chosen = paths[:count]
    step = partial(MakeCandidates, prints_of(paths), seed)
    made = ordered_map(step, chosen, workers)
    shown = tqdm(made, "photos", len(chosen), disable=None)
    parts = [part for part in shown if part is not None]
    candidates = Candidates(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.faces for part in parts]),
    )
    weights, offset = fit(candidates)
    write_arrays(
        out,
        FORMAT_VERSION,
        weights=weights.astype(np.float16),
        offset=np.array(offset),
    )
    faces = int(candidates.faces.sum())
    click.echo(f"{out}: {faces} faces, {len(candidates.faces) - faces} others")


if __name__ == "__main__":
    main()
