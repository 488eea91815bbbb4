"""Command line: parses, calls one stage, prints. Heavy packages load late."""

from __future__ import annotations

import logging
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from index.commands.app import app_command
from index.commands.calibrate import calibrate_command
from index.commands.enroll import enroll_command
from index.commands.evaluate import embed_command, evaluate_command
from index.commands.export import export_command
from index.commands.gallery import gallery_group
from index.commands.group import ToolkitGroup, version_option
from index.commands.identify import identify_command
from index.commands.options import A_PATH, json_option, options_from, workspace_option
from index.commands.printing import log_to_stderr, say, say_json, say_lines
from masking.augment.config import AugmentConfig
from training.config import TrainConfig

CELEBRITIES = Path("data/celebrities")
# What Pillow notes about a file is no news: the loader reads it or says why not. Here,
# and not in a command, so that processes that a command starts have it too.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


@click.group(cls=ToolkitGroup, context_settings={"help_option_names": ["-h", "--help"]})
@version_option
def main() -> None:
    """Recognise faces that wear masks: augment, train, enroll, identify.

    \b
    The main job, without further arguments:
        python cli.py augment
        python cli.py train
        python cli.py identify masked.jpg
    """
    log_to_stderr()


@main.command("augment")
@click.argument("folder", required=False, type=A_PATH)
@workspace_option
@json_option
@click.option(
    "--merge", is_flag=True, help="Make one manifest of what --shard left, no more."
)
@options_from(AugmentConfig)
def augment_command(
    folder: Path | None, workspace: Path, as_json: bool, merge: bool, **options: Any
) -> None:
    """Render masks on the photographs of FOLDER, one folder per person.

    The first level of folders names the person: NAME/1.jpg, NAME/2020/2.jpg. Exit
    code: 0; 2 when a picture could not be read, and all others are done; 1 when there
    is no face at all.

    Without FOLDER: ./data/celebrities if there is one, else the embedded sample of
    people who do not exist.

    \b
    Example:
        python cli.py augment data/celebrities --variants 4
    On two machines that share a disk, then once on either:
        python cli.py augment data/celebrities --shard 1/2
        python cli.py augment data/celebrities --shard 2/2
        python cli.py augment data/celebrities --merge
    """
    config = AugmentConfig(**options)
    source = folder or _default_photos()
    from masking.augment.shard_files import part_file
    from masking.augment.stage import augment, merge_parts
    from masking.datasets.shards import WHOLE

    out = workspace / "augmented"
    if merge:
        report = merge_parts(source, out, config.preview)
    else:
        report = augment(source, out, config)
    part = WHOLE if merge else config.part
    if as_json:
        say_json(asdict(report))
    else:
        for name in report.unread:
            say(f"not read: {report.skipped[name]}", err=True)
        pictures = report.masked + report.masked_photos
        say(
            f"{report.faces} faces of {report.people} people from {report.photos} "
            f"photos, {pictures} masked versions, {len(report.skipped)} photos "
            f"skipped ({part_file(out, 'report.json', part)} says why)"
            + (f", {report.deleted} old files deleted" if report.deleted else "")
        )
        if pictures:
            say(f"look at {part_file(out, 'preview.png', part)}")
        if config.preview:
            say(f"look at {part_file(out, 'kinds.png', part)}")
        if not part.is_whole:
            say("when all parts are done: python cli.py augment FOLDER --merge")
    sys.exit(report.exit_code)


def _default_photos() -> Path:
    from masking.datasets.sample import sample_people

    if CELEBRITIES.is_dir():
        say(f"no FOLDER given: using {CELEBRITIES}", err=True)
        return CELEBRITIES
    say(
        "no FOLDER given and no ./data/celebrities: using the embedded sample of "
        "synthetic people. For real data: python cli.py fetch lfw",
        err=True,
    )
    return sample_people()


@main.command("train")
@workspace_option
@click.option(
    "--start",
    default="auto",
    show_default=True,
    help="Weights to start from: shipped, dlib, scratch, a checkpoint, or a state dict "
    "of the backbone; auto is shipped, for other backbones scratch.",
)
@click.option(
    "--only", type=A_PATH, help="Train on the people named in this file alone."
)
@click.option("--without", type=A_PATH, help="Leave out the people of this file.")
@json_option
@options_from(TrainConfig)
def train_command(
    workspace: Path,
    start: str,
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
    from training.checkpoints.choose import choose_embedder
    from training.distributed import process_group
    from training.run.initialisation import choose_start
    from training.run.stage import forget_run, train

    whole = read_manifest(workspace / "augmented")
    manifest = select_people(
        whole,
        read_names(only) if only else None,
        read_names(without) if without else frozenset(),
    )
    models = workspace / "models"
    with process_group(config.device) as processes:
        begin = choose_start(start, config.backbone, models, config.device, config.seed)
        report = train(manifest, models, config, begin, processes)
    if not processes.first:
        return
    embedder = choose_embedder(str(report.checkpoint), models, config.device)
    from index.enrollment.after_training import build_gallery

    built = build_gallery(workspace / "gallery", whole, manifest, embedder, config)
    forget_run(models)
    if as_json:
        trained = asdict(report) | {"checkpoint": str(report.checkpoint)}
        say_json({"training": trained, "gallery": asdict(built)})
        return
    say(f"trained on {report.chips} chips of {report.people} people")
    say_lines(_figures_table(report.before, report.after, report.validation_people))
    known = "calibrated" if built.calibrated else "not calibrated for this model"
    say(
        f"gallery: {built.people} people, {built.photos} photos, {known}; accepted "
        f"below distance {built.threshold:.3f}, masked {built.threshold_masked:.3f}"
    )
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


@main.command("fetch")
@click.argument("dataset", type=click.Choice(["lfw"]))
@click.option("--out", type=A_PATH, default=CELEBRITIES, show_default=True)
def fetch_command(dataset: str, out: Path) -> None:
    """Download a data set (scikit-learn's downloader checks its hash).

    \b
    Example:
        python cli.py fetch lfw
    """
    from masking.datasets.lfw import fetch_lfw

    count = fetch_lfw(out)
    say(f"{out}: {count} people. Next: python cli.py augment")


@main.command("demo")
@workspace_option
def demo_command(workspace: Path) -> None:
    """Do the whole job once on the embedded sample of synthetic people.

    \b
    Example:
        python cli.py demo
    """
    from index.commands.demo_stage import demo

    for line in demo(workspace / "demo"):
        say(line)


main.add_command(enroll_command)
main.add_command(identify_command)
main.add_command(calibrate_command)
main.add_command(evaluate_command)
main.add_command(embed_command)
main.add_command(export_command)
main.add_command(gallery_group)
main.add_command(app_command)

if __name__ == "__main__":
    main()
