"""Trains dlib detectors and a landmark predictor on faces that wear masks.

    python -m tools.detector_training.train_face_finder --photos data/lfw \
        --names data/lfw-protocol/peopleDevTrain.txt --without in-mfr2.txt \
        --out masking/models

People whom `held_out` names are held out: the detectors' thresholds were chosen on
them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import click
import numpy as np
from tqdm import tqdm

from masking.datasets.images import file_sha256, list_images, read_bytes, read_rgb
from masking.faces.finder import plain_finder
from masking.landmarks import Image
from masking.masks.spec import sample_rng
from masking.masks.textures import Texture
from masking.workers import ordered_map
from tools.detector_training.masked_examples import (
    VIEWS,
    Example,
    MakeExample,
    background,
    framed,
)
from tools.detector_training.training_faces import wanted_people

# Photographs that serve as fabric prints.
_PRINTS = 64


def held_out(name: str) -> bool:
    """Whether a person is held out of training, to choose thresholds on: a tenth."""
    return crc32(name.encode()) % 10 == 0


def _examples(
    paths: list[Path], view: str, seed: int, textures: tuple[Texture, ...]
) -> list[Example]:
    step = partial(MakeExample, view, seed, textures)
    made = ordered_map(step, paths, 0)
    shown = tqdm(made, view, len(paths), unit="photo", disable=None)
    return [example for example in shown if example is not None]


def _backgrounds(paths: list[Path], view: str, seed: int) -> list[Image]:
    """As they are, and framed like the view's crops."""
    finder = plain_finder()
    kept = []
    for path in paths:
        image = read_rgb(path)
        faces = finder.find(image)
        empty = background(image, faces[0].landmarks) if len(faces) == 1 else None
        if empty is None:
            continue
        rng = sample_rng(seed, path.name)
        if rng.random() < VIEWS[view].framed:
            kept += [framed(empty, rng), framed(empty, rng)]
        else:
            kept.append(empty)
    return kept


def train_detector(examples: list[Example], empty: list[Image], threads: int) -> Any:
    """A dlib fhog detector (Dalal & Triggs; King, arXiv:1502.00046).

    Args:
        empty: pictures without a face; everything found there is a mistake.
    """
    import dlib

    options = dlib.simple_object_detector_training_options()
    options.C = 4
    options.num_threads = threads
    options.be_verbose = False
    options.add_left_right_image_flips = False
    options.upsample_limit = 0
    images = [example.pixels for example in examples] + empty
    boxes: list[list[Any]] = [[dlib.rectangle(*one.box)] for one in examples]
    boxes += [[] for _ in empty]
    return dlib.train_simple_object_detector(images, boxes, options)


def train_predictor(
    examples: list[Example], threads: int, seed: int, trees: int
) -> Any:
    """A dlib shape predictor (Kazemi & Sullivan, CVPR 2014)."""
    import dlib

    options = dlib.shape_predictor_training_options()
    options.cascade_depth = 12
    options.num_trees_per_cascade_level = trees
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
        points = [dlib.point(round(x), round(y)) for x, y in _points(example)]
        images.append(example.pixels)
        shapes.append([dlib.full_object_detection(_found_box(example, rng), points)])
    return dlib.train_shape_predictor(images, shapes, options)


def _found_box(example: Example, rng: np.random.Generator) -> Any:
    """The true box, off by as much as detectors are."""
    import dlib

    left, top, right, bottom = example.box
    size = right - left
    x, y = rng.normal(0, 0.04, 2) * size
    grow = 0.5 * size * rng.normal(0, 0.06)
    corners = (left + x - grow, top + y - grow, right + x + grow, bottom + y + grow)
    return dlib.rectangle(*(round(float(value)) for value in corners))


def _points(example: Example) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in example.landmarks.points]


def people_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options --photos, --names and --without of a training tool."""
    path = click.Path(path_type=Path)
    without = click.option(
        "--without",
        type=path,
        required=True,
        help="List of people who are in a test set.",
    )
    names = click.option("--names", type=path, required=True)
    photos = click.option("--photos", type=path, required=True)
    return photos(names(without(command)))


@click.command()
@people_options
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--faces", default=900, show_default=True, help="Photos a detector.")
@click.option("--empty", default=200, show_default=True, help="Pictures of no face.")
@click.option("--points", default=4200, show_default=True, help="Of the predictor.")
@click.option("--trees", default=300, show_default=True, help="A level: 300 = 48 MB.")
@click.option("--seed", default=0, show_default=True)
@click.option("--part", default="all", type=click.Choice(["all", *VIEWS, "points"]))
def main(
    photos: Path,
    names: Path,
    without: Path,
    out: Path,
    faces: int,
    empty: int,
    points: int,
    trees: int,
    seed: int,
    part: str,
) -> None:
    """Train on the people of NAMES (LFW's peopleDevTrain.txt); one PART or all."""
    paths = shuffled_photos(photos, wanted_people(names, without), seed)
    prints = prints_of(paths)
    out.mkdir(parents=True, exist_ok=True)
    for number, view in enumerate(VIEWS):
        if part in ("all", view):
            # Other photographs for each detector: they err in other places.
            chosen = np.roll(np.array(paths), -number * faces)[: faces + empty].tolist()
            examples = _examples(chosen[:faces], view, seed, prints)
            detector = train_detector(
                examples, _backgrounds(chosen[faces:], view, seed), 2
            )
            detector.save(str(out / f"masked-{view}.svm"))
    if part in ("all", "points"):
        mixed: list[Example] = []
        # Most faces are upright, and half of all are crops.
        for view, fraction in (("upright", 3), ("crop", 3), ("left", 1), ("right", 1)):
            mixed += _examples(paths[: points * fraction // 8], view, seed + 1, prints)
        train_predictor(mixed, 2, seed, trees).save(str(out / "masked-landmarks.dat"))


def shuffled_photos(photos: Path, people: frozenset[str], seed: int) -> list[Path]:
    """All photographs of the people who are not `held_out`, at random."""
    chosen = sorted(name for name in people if not held_out(name))
    paths = [path for name in chosen for path in list_images(photos / name)]
    order = np.random.default_rng(seed).permutation(len(paths))
    return [paths[index] for index in order]


def prints_of(paths: list[Path]) -> tuple[Texture, ...]:
    """Fabric prints: the last of the photographs."""
    return tuple(
        Texture(str(path), file_sha256(read_bytes(path))) for path in paths[-_PRINTS:]
    )


if __name__ == "__main__":
    main()
