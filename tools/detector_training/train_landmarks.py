"""Trains what turns found faces upright and puts landmarks on them, masked or not.

    python -m tools.detector_training.train_landmarks --photos data/lfw \
        --names data/lfw-protocol/peopleDevTrain.txt --without in-mfr2.txt \
        --more data/celeba --more-without celeba-kept-out.txt --out masking/models

People whom `held_out` names are held out, too. The landmark model that ships was made
so, in a quarter of an hour on two cores; CelebA's people who are kept out of all
training are kept out of it, too.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import click
import numpy as np
from tqdm import tqdm

from masking.augment.people_lists import read_names
from masking.datasets.images import file_sha256, list_images, read_bytes
from masking.faces.landmark_predictor import box_corners, write_packed
from masking.files.model_files import MASKED_LANDMARKS, ROLL
from masking.masks.patterns import Texture
from masking.workers import ordered_map
from tools.detector_training.detected_faces import Example, MakeExamples
from tools.detector_training.training_faces import wanted_people

# Photographs that serve as fabric prints.
_PRINTS = 64


def held_out(name: str) -> bool:
    """Whether a person is held out of training, to choose thresholds on: a tenth."""
    return crc32(name.encode()) % 10 == 0


def photos_of(folder: Path, people: frozenset[str]) -> list[Path]:
    """All photographs of the people who are not `held_out`."""
    chosen = sorted(name for name in people if not held_out(name))
    return [
        path
        for name in chosen
        if (folder / name).is_dir()
        for path in list_images(folder / name)
    ]


def train_predictor(
    examples: list[Example], threads: int, trees: int, cascades: int
) -> Any:
    """A dlib shape predictor (Kazemi & Sullivan, CVPR 2014)."""
    import dlib

    options = dlib.shape_predictor_training_options()
    options.cascade_depth = cascades
    options.num_trees_per_cascade_level = trees
    options.tree_depth = 4
    options.nu = 0.1
    options.oversampling_amount = 6
    options.oversampling_translation_jitter = 0.03
    options.feature_pool_size = 500
    options.lambda_param = 0.1
    options.num_threads = threads
    options.be_verbose = True
    box = dlib.rectangle(*box_corners())
    shapes = []
    for one in examples:
        points = [
            dlib.point(round(float(x)), round(float(y)))
            for x, y in one.landmarks.points
        ]
        shapes.append([dlib.full_object_detection(box, points)])
    images = [one.crop for one in examples]
    return dlib.train_shape_predictor(images, shapes, options)


@click.command()
@click.option("--photos", type=click.Path(path_type=Path), required=True)
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--without", type=click.Path(path_type=Path), required=True)
@click.option("--more", type=click.Path(path_type=Path), required=True)
@click.option("--more-without", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--count", default=7000, show_default=True, help="Photographs.")
@click.option("--views", default=2, show_default=True, help="Of each.")
@click.option("--trees", default=300, show_default=True, help="A cascade level.")
@click.option("--cascades", default=12, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(
    photos: Path,
    names: Path,
    without: Path,
    more: Path,
    more_without: Path,
    out: Path,
    count: int,
    views: int,
    trees: int,
    cascades: int,
    seed: int,
) -> None:
    """Train on people of NAMES (LFW's peopleDevTrain.txt) and of MORE."""
    from tools.detector_training.train_roll import train_roll

    others = frozenset(path.name for path in more.iterdir() if path.is_dir())
    others -= read_names(more_without)
    paths = photos_of(photos, wanted_people(names, without)) + photos_of(more, others)
    order = np.random.default_rng(seed).permutation(len(paths))
    paths = [paths[index] for index in order]
    prints = tuple(
        Texture(str(path), file_sha256(read_bytes(path))) for path in paths[-_PRINTS:]
    )
    step = partial(MakeExamples, views, seed, prints)
    made = ordered_map(step, paths[:count], 0)
    shown = tqdm(made, total=count, unit="photo", disable=None)
    examples = [one for several in shown for one in several]
    (out / ROLL).write_bytes(train_roll(examples, seed))
    trained = train_predictor(examples, 2, trees, cascades)
    # What it pickles is what it would save.
    write_packed(out / MASKED_LANDMARKS, trained.__getstate__()[0])


if __name__ == "__main__":
    main()
