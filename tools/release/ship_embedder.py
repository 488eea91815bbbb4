"""Makes trained checkpoints the one that the project ships, in float16.

Several of one recipe, trained with different seeds on the same people, are averaged:
such a mean is better on impostors than any of them (Wortsman et al., "Model soups",
ICML 2022). The validation people are those of the first. The cohort is made again.

    python -m tools.release.ship_embedder workspace/models/embedder-....safetensors \
        --names data/peopleDevTrain.txt --without in-mfr2.txt
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from masking.augment.manifest import read_manifest
from masking.augment.people_lists import read_names, select_people
from masking.errors import InvalidConfig
from masking.masks.spec import MASKS
from training.backbones.registry import network_of
from training.checkpoints.checkpoint import (
    Checkpoint,
    load_checkpoint,
    round_filters,
)
from training.checkpoints.store import SHIPPED, save_model
from training.data.chip_embeddings import cohort_of_rows
from training.data.train_data import held_out_rows
from training.data.train_loader import spec_config
from training.embedders.torch_embedder import NetworkEmbedder
from training.run.validation import validate


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


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--names", type=click.Path(path_type=Path), required=True)
@click.option("--without", type=click.Path(path_type=Path), required=True)
@click.option("--workspace", type=click.Path(path_type=Path), default="workspace")
@click.option("--workers", default=2, show_default=True)
def main(
    checkpoints: tuple[Path, ...],
    names: Path,
    without: Path,
    workspace: Path,
    workers: int,
) -> None:
    """Make the mean of CHECKPOINTS the shipped embedder, and print its figures."""
    trained = [load_checkpoint(path) for path in checkpoints]
    first = trained[0]
    manifest = select_people(
        read_manifest(workspace / "augmented"), read_names(names), read_names(without)
    )
    if manifest.sha256 != first.manifest_sha256:
        raise InvalidConfig(f"{workspace}: not what the checkpoints were trained on.")
    config = first.config
    rows = held_out_rows(
        manifest, config["validation_fraction"], config["validation_seed"]
    )
    mean = mean_weights(trained)
    network = network_of(first.backbone, mean)
    make = partial(NetworkEmbedder, network, "mean", geometry=first.geometry)
    held_out = {row.identity for row in rows}
    known = [row for row in manifest.faces() if row.identity not in held_out]
    cohort = cohort_of_rows(
        manifest, known, make(flip_average=True), workers, config["seed"]
    )
    embedder = make(cohort=cohort)
    seen = config["kinds"]
    unseen = ",".join(kind for kind in MASKS if kind not in seen.split(","))
    after: dict[str, Any] = {
        label: validate(manifest, rows, embedder, spec_config(kinds), workers).to_json()
        for label, kinds in (("seen", seen), ("unseen", unseen))
        if kinds
    }
    seeds = {str(one.config["seed"]): one.report["after"] for one in trained}
    report = first.report | {"after": after["seen"], "masks": after, "seeds": seeds}
    SHIPPED.parent.mkdir(parents=True, exist_ok=True)
    shipped = replace(first, network=round_filters(mean), report=report, cohort=cohort)
    save_model(SHIPPED, shipped)
    for label, figures in (("before", first.report["before"]), *after.items()):
        click.echo(
            f"{label:<8}" + "  ".join(f"{k} {v:.3f}" for k, v in figures.items())
        )
    click.echo(f"{SHIPPED}: {SHIPPED.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
