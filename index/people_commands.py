"""The commands `enroll` and `identify`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from index.enroll_config import EnrollConfig
from index.identify_config import IdentifyConfig

if TYPE_CHECKING:
    from index.answers import Answer


@click.command("enroll")
@click.argument("name", required=False)
@click.argument("photos", nargs=-1, type=A_PATH)
@click.option("--folder", type=A_PATH, help="Enroll a folder per person.")
@click.option("--csv", "table", type=A_PATH, help="Enroll a CSV: person,file[,masked].")
@click.option("--masked/--bare", default=None, help="What the photos show.")
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

    PHOTOS are files, or folders that show nobody but this person. Of --folder and
    --csv, photos that are in the gallery already are passed over: after an
    interruption, the same command goes on.

    \b
    Examples:
        python cli.py enroll "Person 61" photos/61/*.jpg
        python cli.py enroll --folder people --retain-until 2030-12-31
        python cli.py enroll --csv people.csv --consent "form 17, file B"
    """
    config = EnrollConfig(**options)
    from index.enroll_sources import chosen_photos
    from index.enroll_stage import enroll_photos
    from index.gallery import open_or_create_gallery
    from index.gallery_rows import Terms
    from masking.face_finding import default_finder
    from masking.worker_pool import worker_count

    terms = Terms(config.consent, config.retain_until)
    chosen = chosen_photos(name, photos, folder, table, masked)
    embedder = embedder_of(workspace, model, device)
    # Processes take a second to start, which a few photos are not worth.
    workers = worker_count(config.workers) if folder or table else 1
    with open_or_create_gallery(workspace / "gallery", embedder) as gallery:
        report = enroll_photos(
            chosen, gallery, embedder, default_finder, workers, terms
        )
        size = gallery.size
    who = name or str(folder or table)
    if as_json:
        click.echo(json.dumps({"name": who, "people": size} | asdict(report)))
        return
    for reason in report.failures.values():
        click.echo(f"skipped: {reason}", err=True)
    for photo, distance in report.unlike.items():
        whose = name or "the same name"
        click.echo(
            f"look again: {photo} is {distance:.2f} from the other photos of {whose}",
            err=True,
        )
    click.echo(
        f"{who}: {len(report.added)} photos added, {len(report.known)} known before, "
        f"{len(report.failures)} skipped; the gallery holds {size} people"
    )


@click.command("identify")
@click.argument("photos", nargs=-1, required=True, type=A_PATH)
@workspace_option
@model_option
@device_option
@click.option(
    "--show/--no-show", default=True, help="Open the result card on a desktop."
)
@json_option
@options_from(IdentifyConfig)
def identify_command(
    photos: tuple[Path, ...],
    workspace: Path,
    model: str,
    device: str,
    show: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Say who is in PHOTOS (files or folders), masked or not, or "unknown".

    Draws a card for every face: probe, score and the person it was identified
    with. Exit code: 0 all named, 3 some unknown, 4 a photo without a face, 2 a
    photo that cannot be read.

    \b
    Example:
        python cli.py identify masked.jpg
    """
    config = IdentifyConfig(**options)
    from index.answers import answer_line, answer_record, exit_code
    from index.gallery import open_gallery
    from index.identify_stage import identify
    from masking.face_finding import default_finder

    out = workspace / "identified"
    embedder = embedder_of(workspace, model, device)
    with open_gallery(workspace / "gallery") as gallery:
        answers = identify(photos, gallery, embedder, default_finder(), out, config)
    for answer in answers:
        if as_json:
            click.echo(answer_record(answer))
        else:
            click.echo(answer_line(answer))
            if answer.card:
                click.echo(f"  card: {answer.card}")
    if show and not as_json:
        _open_card(answers)
    sys.exit(exit_code(answers))


def _open_card(answers: list[Answer]) -> None:
    """Open the first card where a person is sitting at a desktop."""
    cards = [answer.card for answer in answers if answer.card]
    has_desktop = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if cards and has_desktop and sys.stdout.isatty():
        click.launch(str(cards[0]))
