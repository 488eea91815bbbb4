"""The command `train`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from index.commands.terminal.options import (
    A_PATH,
    GroupedCommand,
    json_option,
    options_from,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json, say_lines
from masking.files.text import counted
from training.config import TrainConfig


@click.command("train", cls=GroupedCommand)
@workspace_option
@click.option(
    "--init",
    default="auto",
    show_default=True,
    help="Initial weights: shipped, dlib-masked, dlib, scratch, a checkpoint, a .dat "
    "of dlib's architecture, or a state dict of the backbone; auto is what ships of "
    "the backbone, else scratch.",
)
@click.option(
    "--only", type=A_PATH, help="Train on the people named in this file alone."
)
@click.option("--without", type=A_PATH, help="Leave out the people of this file.")
@json_option
@options_from(TrainConfig)
def train_command(
    workspace: Path,
    init: str,
    only: Path | None,
    without: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Train an embedder on what `augment` made, then fill the gallery with it.

    \b
    Example:
        python cli.py train --epochs 6
        torchrun --nproc-per-node 8 -- cli.py train --backbone iresnet50
    """
    config = TrainConfig(**options)
    from masking.augment.manifest import read_manifest
    from masking.augment.people_lists import read_names, select_people
    from training.checkpoints.store import choose_embedder
    from training.distributed import process_group
    from training.run.initialisation import initialise
    from training.run.stage import forget_run, train

    whole = read_manifest(workspace / "augmented")
    manifest = select_people(
        whole,
        read_names(only) if only else None,
        read_names(without) if without else frozenset(),
    )
    models = workspace / "models"
    with process_group(config.device) as processes:
        initial = initialise(init, config.backbone, models, config.device, config.seed)
        report = train(manifest, models, config, initial, processes)
    if not processes.first:
        return
    embedder = choose_embedder(str(report.checkpoint), models, config.device)
    from index.enrollment.after_training import rebuild_gallery

    built = rebuild_gallery(workspace / "gallery", whole, manifest, embedder, config)
    forget_run(models)
    if as_json:
        trained = asdict(report) | {"checkpoint": str(report.checkpoint)}
        say_json({"training": trained, "gallery": asdict(built)})
        return
    people = counted(report.people, "person")
    say(f"trained on {counted(report.chips, 'chip')} of {people}")
    say_lines(_figures_table(report.before, report.after, report.validation_people))
    known = "calibrated" if built.calibrated else "not calibrated for this model"
    people, photos = counted(built.people, "person"), counted(built.photos, "photo")
    say(f"gallery: {people}, {photos}, {known}")
    say(f"model {report.checkpoint}, curves in {models}/train-report")


def _figures_table(
    before: dict[str, float], after: dict[str, float], people: int
) -> list[str]:
    names = {
        "uu_1e3": "unmasked - unmasked",
        "mu_1e3": "masked - unmasked",
        "mc_1e3": "masked - unmasked under a synthetic mask",
        "mm_1e3": "masked - masked",
    }
    lines = [f"TAR at FAR 0.001, {people} validation people   before   after"]
    lines += [
        f"  {label:<42} {before[key]:.3f}   {after[key]:.3f}"
        for key, label in names.items()
    ]
    return lines
