"""The commands `evaluate` and `embed`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from index.command_options import (
    A_PATH,
    device_option,
    embedder_of,
    json_option,
    model_option,
    options_from,
    workspace_option,
)
from index.evaluate_config import EmbedConfig, EvaluateConfig


@click.command("evaluate")
@click.argument("folder", type=A_PATH)
@click.option(
    "--people", type=A_PATH, help="Only the people of this list (LFW's format)."
)
@click.option(
    "--out", type=A_PATH, help="Folder of the report; WORKSPACE/evaluated/NAME."
)
@workspace_option
@model_option
@device_option
@click.option(
    "--flip-average/--no-flip-average",
    default=False,
    help="Embed each chip and its mirror image, and take the mean.",
)
@json_option
@options_from(EvaluateConfig)
def evaluate_command(
    folder: Path,
    people: Path | None,
    out: Path | None,
    workspace: Path,
    model: str,
    device: str,
    flip_average: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure verification and identification on FOLDER, beside dlib's network.

    FOLDER has a folder per person (masks are painted), or a labels.csv with the
    columns person, file, mask (really masked people).

    \b
    Example:
        python cli.py evaluate data/lfw --people data/peopleDevTest.txt
    """
    config = EvaluateConfig(**options)
    from index.evaluate_stage import evaluate
    from index.labelled_photos import read_labelled_photos
    from training.model_choice import choose_embedder

    photos = read_labelled_photos(folder, people)
    models = workspace / "models"
    embedders = [choose_embedder("dlib", models, device, flip_average)]
    if model != "dlib":
        embedders.append(choose_embedder(model, models, device, flip_average))
    out = out or workspace / "evaluated" / folder.resolve().name
    report = evaluate(photos, embedders, out, config, workspace / "found-faces")
    if as_json:
        click.echo(json.dumps(report.to_json()))
        return
    click.echo(report.table())
    click.echo(f"plots and report.json in {out}")


@click.command("embed")
@click.argument("folder", type=A_PATH)
@click.option("--out", type=A_PATH, required=True, help="The .npz file to write.")
@workspace_option
@model_option
@device_option
@json_option
@options_from(EmbedConfig)
def embed_command(
    folder: Path,
    out: Path,
    workspace: Path,
    model: str,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Write the embeddings of all photographs below FOLDER, for your own use.

    The file holds paths, embeddings (N, D) and found (N,).

    \b
    Example:
        python cli.py embed photos --out photos.npz
    """
    config = EmbedConfig(**options)
    from index.embed_stage import embed_folder

    report = embed_folder(folder, out, embedder_of(workspace, model, device), config)
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        for photo, reason in report.failures.items():
            click.echo(f"not found in {photo}: {reason}", err=True)
        click.echo(
            f"{out}: {report.found} faces, {len(report.failures)} photos without"
        )
    sys.exit(report.exit_code)
