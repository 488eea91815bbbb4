"""Makes trained checkpoints the one that the project ships, in float16.

Several of one recipe, trained with different seeds on the same people, are averaged:
such a mean is better on impostors than any of them (Wortsman et al., "Model soups",
ICML 2022). The cohort holds the people that they were trained on.

    python -m tools.release.ship_embedder workspace/models/embedder-....safetensors \
        --without kept-out.txt
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor

from masking.augment.manifest import read_manifest
from masking.augment.people_lists import read_names, select_people
from masking.datasets.images import list_images, read_rgb
from masking.datasets.sample import sample_people
from masking.errors import InvalidConfig
from masking.faces.alignment import crop_chip
from masking.faces.finder import default_finder
from masking.landmarks import Float32
from training.backbones.dlib_network import DlibFaceNet
from training.backbones.registry import network_of
from training.checkpoints.checkpoint import Checkpoint, load_checkpoint, round_filters
from training.checkpoints.store import SHIPPED, SHIPPED_DLIB, save_model
from training.data.chip_dataset import cohort_of_rows
from training.data.train_data import held_out_rows
from training.embedders.embedded_face import Embedder, network_input
from training.embedders.torch_embedder import NetworkEmbedder


def mean_weights(checkpoints: Sequence[Checkpoint]) -> dict[str, Tensor]:
    """The mean of networks of one kind.

    Raises:
        InvalidConfig: they keep out other people, or were trained on others.
    """
    first = checkpoints[0]
    for other in checkpoints[1:]:
        if _trained_on(first) != _trained_on(other):
            raise InvalidConfig("the checkpoints were not trained on the same people.")
    return {
        name: torch.stack([one.network[name].float() for one in checkpoints])
        .mean(dim=0)
        .to(value.dtype)
        for name, value in first.network.items()
    }


def _trained_on(one: Checkpoint) -> tuple[Any, ...]:
    split = [one.config[key] for key in ("validation_fraction", "validation_seed")]
    return one.manifest_sha256, one.geometry, one.backbone, *split


def sample_means(embedder: Embedder) -> Float32:
    """(P, D) mean embeddings of the synthetic people, newcomers left out.

    They lie close together in some networks. Averages of them in the cohort make their
    distances count as those of a crowd, or they are taken for each other.
    """
    finder, means = default_finder(), []
    for person in sorted(path for path in sample_people().iterdir() if path.is_dir()):
        chips = []
        for photo in list_images(person):
            image = read_rgb(photo)
            landmarks = finder.find(image)[0].landmarks
            crop = crop_chip(image, landmarks, embedder.geometry, photo.name)
            chips.append(crop.pixels)
        means.append(embedder.embed(network_input(chips)).mean(axis=0))
    return np.stack(means)


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--only", type=click.Path(path_type=Path), help="As train had it.")
@click.option("--without", type=click.Path(path_type=Path), help="As train had it.")
@click.option("--workspace", type=click.Path(path_type=Path), default="workspace")
@click.option("--workers", default=0, show_default=True, help="0 = in this process.")
def main(
    checkpoints: tuple[Path, ...],
    only: Path | None,
    without: Path | None,
    workspace: Path,
    workers: int,
) -> None:
    """Make the mean of CHECKPOINTS the shipped embedder of its kind.

    Its people are the cohort.
    """
    trained = [load_checkpoint(path) for path in checkpoints]
    first, config = trained[0], trained[0].config
    manifest = select_people(
        read_manifest(workspace / "augmented"),
        read_names(only) if only else None,
        read_names(without) if without else frozenset(),
    )
    if manifest.sha256 != first.manifest_sha256:
        raise InvalidConfig(f"{workspace}: not what the checkpoints were trained on.")
    mean = mean_weights(trained)
    network = network_of(first.backbone, mean)
    embedder = NetworkEmbedder(
        network, "mean", flip_average=True, geometry=first.geometry
    )
    rows = held_out_rows(
        manifest, config["validation_fraction"], config["validation_seed"]
    )
    held_out = {row.identity for row in rows}
    known = [row for row in manifest.faces() if row.identity not in held_out]
    cohort = cohort_of_rows(manifest, known, embedder, workers, config["seed"])
    if cohort:
        cohort = cohort.with_collection(sample_means(embedder), config["seed"])
    path = SHIPPED_DLIB if first.backbone == DlibFaceNet.backbone else SHIPPED
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(path, replace(first, network=round_filters(mean), cohort=cohort))
    members = len(cohort.members) if cohort else 0
    size_mb = path.stat().st_size / 1e6
    click.echo(f"{path}: {size_mb:.1f} MB, cohort of {members}")


if __name__ == "__main__":
    main()
