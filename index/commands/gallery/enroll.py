"""The command `enroll`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from index.commands.terminal.options import (
    A_PATH,
    GroupedCommand,
    complete_name,
    device_option,
    json_option,
    model_option,
    onnx_embedder_of,
    options_from,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json
from index.enrollment.config import EnrollConfig
from masking.files.text import counted

if TYPE_CHECKING:
    from index.enrollment.stage import EnrollReport


@click.command("enroll", cls=GroupedCommand)
@click.argument("name", required=False, shell_complete=complete_name)
@click.argument("photos", nargs=-1, type=A_PATH)
@click.option("--folder", type=A_PATH, help="Enroll a folder per person.")
@click.option("--csv", "table", type=A_PATH, help="Enroll a CSV: person,file[,masked].")
@click.option("--masked/--unmasked", default=None, help="What the photos show.")
@workspace_option
@model_option
@device_option
@json_option
@options_from(EnrollConfig)
def enroll_command(
    name: str | None,
    photos: tuple[Path, ...],
    folder: Path | None,
    table: Path | None,
    masked: bool | None,
    workspace: Path,
    model: str,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Add people to the gallery; nothing is trained again.

    PHOTOS are files, or folders that show nobody but this person. A photo that shows
    somebody of another name is not stored without --allow-duplicate. Of --folder and
    --csv, photos that are in the gallery already are passed over: after an
    interruption, the same command goes on. The first level of folders in --folder
    names the person: NAME/1.jpg, NAME/2020/2.jpg. Exit code: 0; 2 when a picture could
    not be read, and all others are done.

    \b
    Examples:
        python cli.py enroll "Person 61" photos/61/*.jpg
        python cli.py enroll "Person 62" party.jpg --face 2
        python cli.py enroll --folder people --retain-until 2030-12-31
        python cli.py enroll --csv people.csv --consent "form 17, file B"
    """
    config = EnrollConfig(**options)
    from index.enrollment.faces import chosen_photos
    from index.enrollment.stage import EnrollChecks, enroll_photos
    from index.gallery.gallery import open_or_create_gallery
    from index.gallery.storage.store import Terms
    from index.identification.recogniser import decided_by
    from index.search.open_search import refresh_snapshot
    from masking.datasets.folders import refuse_inside
    from masking.faces.finder import default_finder

    for read in (*photos, *([folder] if folder else [])):
        refuse_inside(read, workspace)
    terms = Terms(config.consent, config.retain_until)
    chosen = chosen_photos(name, photos, folder, table, masked)
    embedder = onnx_embedder_of(workspace, model, device, photos)
    # Processes take a second to start, which a few photos are not worth.
    workers = config.workers if folder or table else 1
    with open_or_create_gallery(workspace / "gallery", embedder) as gallery:
        checks = EnrollChecks(
            decided_by(gallery, embedder), config.face, config.allow_duplicate
        )
        report = enroll_photos(
            chosen, gallery, embedder, default_finder, workers, terms, checks
        )
        refresh_snapshot(gallery)
        size = gallery.size
    who = name or str(folder or table)
    if as_json:
        say_json({"name": who, "people": size} | asdict(report))
        sys.exit(report.exit_code)
    _say_report(report, name or "the same name")
    say(
        f"{who}: {counted(len(report.added), 'photo')} added, "
        f"{len(report.known)} already enrolled, "
        f"{len(report.failures)} skipped; the gallery holds {counted(size, 'person')}"
    )
    sys.exit(report.exit_code)


def _say_report(report: EnrollReport, whose: str) -> None:
    """What was not stored, and what somebody should look at again."""
    for reason in report.failures.values():
        say(f"skipped: {reason}", err=True)
    for photo, distance in report.unlike.items():
        say(
            f"look again: {photo} looks unlike the other photos of {whose} (distance "
            f"{distance:.2f}): is it the same person?",
            err=True,
        )
    for doubt in report.doubts:
        say(f"look again: {doubt}", err=True)
