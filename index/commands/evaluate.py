"""The commands `evaluate` and `embed`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from index.commands.terminal.options import (
    A_PATH,
    GroupedCommand,
    device_option,
    embedder_of,
    json_option,
    model_option,
    options_from,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json, say_lines
from index.evaluation.config import EmbedConfig, EvaluateConfig
from masking.errors import InvalidConfig
from masking.files.text import counted

if TYPE_CHECKING:
    from index.evaluation.protocol import Collection
    from index.evaluation.report.write import ReportFolders


@click.command("evaluate", cls=GroupedCommand)
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=A_PATH)
@click.option(
    "--people", type=A_PATH, help="Only the people of this list (LFW's format)."
)
@click.option(
    "--pairs",
    type=A_PATH,
    help="Only the pairs of this list: LFW's format, or .csv with the columns "
    "file_a, file_b, same.",
)
@click.option(
    "--out", type=A_PATH, help="Folder of the report; WORKSPACE/evaluated/NAME."
)
@workspace_option
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("auto",),
    show_default=True,
    help="auto (latest trained, else shipped), shipped, dlib-masked, or a checkpoint; "
    "may be given several times. dlib's untouched network is always there.",
)
@device_option
@click.option(
    "--flip-average/--no-flip-average",
    default=True,
    show_default=True,
    help="Embed each chip and its mirror image, and take the mean, as galleries do.",
)
@json_option
@options_from(EvaluateConfig)
def evaluate_command(
    folders: tuple[Path, ...],
    people: Path | None,
    pairs: Path | None,
    out: Path | None,
    workspace: Path,
    models: tuple[str, ...],
    device: str,
    flip_average: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure verification and identification on FOLDER, beside dlib's network.

    FOLDER has a folder per person, NAME/1.jpg or NAME/2020/2.jpg (masks are rendered),
    or a labels.csv with the columns person, file, mask (really masked people). Writes
    report.html, report.json and plots; pictures of the worst errors go into
    WORKSPACE/evaluated/NAME/private. Several folders get a report each and a table by
    set; so do the groups of a groups.csv (person, group) in a folder. Exit code: 0; 2
    when a picture could not be read.

    \b
    Examples:
        python cli.py evaluate data/lfw --people data/peopleDevTest.txt
        python cli.py evaluate data/lfw --pairs data/pairsDevTest.txt
        python cli.py evaluate data/mfr2 data/rmfrd
        python cli.py evaluate data/mfr2 --by eyes,pose,alignment
    """
    config = EvaluateConfig(**options)
    from index.evaluation.report.write import (
        by_set,
        property_tables,
        report_summary,
        write,
    )
    from index.evaluation.stage import evaluate
    from training.checkpoints.store import (
        DLIB_NAME,
        choose_embedder,
        rendered_in_training,
    )

    tests = _tests(folders, people, pairs, out, workspace)
    trained = workspace / "models"
    known = [rendered_in_training(model, trained) for model in models]
    kinds = [one for one in known if one is not None]
    seen = frozenset().union(*kinds) if len(kinds) == len(known) else None
    embedders = [
        choose_embedder(model, trained, device, flip_average)
        for model in (DLIB_NAME, *models)
    ]
    reports, faces = [], workspace / "found-faces"
    for collection, places in tests:
        places.make()
        evaluation = evaluate(collection, embedders, faces, config, seen)
        write(evaluation, places)
        reports.append(evaluation.report)
        if not as_json:
            say_lines(report_summary(evaluation.report).split("\n"))
            say_lines(property_tables(evaluation.report))
            say(f"report.html, report.json, table.txt and plots in {places.report}")
            say(f"worst errors, private, not to be published: {places.private}")
    if as_json:
        records = [report.to_json() for report in reports]
        say_json(records[0] if len(records) == 1 else records)
    elif len(reports) > 1:
        say_lines(["", *by_set(reports)])
    sys.exit(max(report.exit_code for report in reports))


def _tests(
    folders: tuple[Path, ...],
    people: Path | None,
    pairs: Path | None,
    out: Path | None,
    workspace: Path,
) -> list[tuple[Collection, ReportFolders]]:
    """What is evaluated, and where its results go."""
    if len(folders) > 1 and (people or pairs or out):
        raise InvalidConfig(
            f"{len(folders)} folders with --people, --pairs or --out: expected one "
            "folder, which they are about."
        )
    from index.evaluation.protocol import groups_of, read_collection
    from index.evaluation.report.write import ReportFolders
    from masking.datasets.folders import refuse_overlap

    tests = []
    for folder in folders:
        whole = read_collection(folder, people, pairs)
        for one in (whole, *groups_of(folder, whole)):
            results = workspace / "evaluated" / one.name
            report = (out if one is whole else out / one.name) if out else results
            for written in (report, results):
                refuse_overlap(folder, written)
            tests.append((one, ReportFolders(report, results / "private")))
    return tests


@click.command("embed", cls=GroupedCommand)
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

    The file holds paths, embeddings (N, D), masked_references (N, D), and found (N,).
    Exit code: 0; 2 when a picture could not be read, and all others are done; 1 when
    there is no face at all.

    \b
    Example:
        python cli.py embed photos --out photos.npz
    """
    config = EmbedConfig(**options)
    from index.evaluation.export_embeddings import embed_folder
    from masking.datasets.folders import refuse_inside

    refuse_inside(folder, workspace)
    report = embed_folder(folder, out, embedder_of(workspace, model, device), config)
    if as_json:
        say_json(asdict(report))
    else:
        for reason in report.failures.values():
            say(f"skipped: {reason}", err=True)
        without = counted(len(report.failures), "photo")
        say(f"{out}: {counted(report.found, 'face')}, {without} without")
    sys.exit(report.exit_code)
