"""Scores trained checkpoints on the people that their training held out.

For choosing a recipe: test people are not for that. Rows of docs/background/recipe.md:

    python -m benchmarks.recognition.recipe_scores
    workspace/models/embedder-*.safetensors \
        --names data/peopleDevTrain.txt --without in-mfr2.txt
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np

from masking.augment.manifest import Manifest, ManifestRow, read_manifest
from masking.augment.people_lists import read_names, select_people
from masking.errors import InvalidConfig
from masking.masks.spec import MASKS
from training.backbones.registry import network_of
from training.checkpoints.checkpoint import load_checkpoint
from training.data.train_data import held_out_rows
from training.data.train_loader import spec_config
from training.embedders.torch_embedder import NetworkEmbedder, dlib_embedder
from training.run.figures import validate

_FIGURES = ("uu_1e3", "mu_1e3", "mc_1e3", "mm_1e3")


def scores(
    manifest: Manifest,
    rows: list[ManifestRow],
    embedder: NetworkEmbedder,
    kinds: str,
    seeds: Iterable[int],
    workers: int,
) -> dict[str, float]:
    """Means over the seeds of the masks."""
    found = [
        validate(manifest, rows, embedder, spec_config(kinds), workers, seed).to_json()
        for seed in seeds
    ]
    return {name: float(np.mean([one[name] for one in found])) for name in _FIGURES}


@click.command()
@click.argument("checkpoints", nargs=-1, type=click.Path(path_type=Path))
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--without", type=click.Path(path_type=Path), required=True)
@click.option("--workspace", type=click.Path(path_type=Path), default="workspace")
@click.option("--masks", default=2, show_default=True, help="Rendered on each photo.")
@click.option("--validation-fraction", default=0.3, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line a row.")
def main(
    checkpoints: tuple[Path, ...],
    names: Path,
    without: Path,
    workspace: Path,
    masks: int,
    validation_fraction: float,
    workers: int,
    as_json: bool,
) -> None:
    """TAR at FAR 0.1% of dlib's network and CHECKPOINTS, seen and unseen masks."""
    manifest = select_people(
        read_manifest(workspace / "augmented"), read_names(names), read_names(without)
    )
    rows = held_out_rows(manifest, validation_fraction, 0)
    usual = "surgical,cloth,ffp2,duckbill"
    todo = [("dlib", dlib_embedder(), usual)]
    for path in checkpoints:
        checkpoint = load_checkpoint(path)
        config = checkpoint.config
        whole = config["validation_fraction"] >= validation_fraction
        if not whole or config.get("validation_seed", 0):
            raise InvalidConfig(f"{path}: was trained on some of these people.")
        network = network_of(checkpoint.backbone, checkpoint.network)
        embedder = NetworkEmbedder(network, path.stem, geometry=checkpoint.geometry)
        todo.append((path.stem, embedder, config["kinds"]))
    for name, embedder, seen in todo:
        unseen = ",".join(kind for kind in MASKS if kind not in seen.split(","))
        for label, kinds in (("seen", seen), ("unseen", unseen)):
            if not kinds:
                continue
            seeds = range(101, 101 + masks)
            found = scores(manifest, rows, embedder, kinds, seeds, workers)
            if as_json:
                click.echo(json.dumps({"name": name, "masks": label, **found}))
                continue
            figures = "  ".join(f"{key} {value:.3f}" for key, value in found.items())
            click.echo(f"{name:<32} {label:<7} {figures}")


if __name__ == "__main__":
    main()
