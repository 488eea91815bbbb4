"""The command `augment`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from index.commands.fetch import CELEBRITIES
from index.commands.terminal.options import (
    A_PATH,
    GroupedCommand,
    json_option,
    options_from,
    workspace_option,
)
from index.commands.terminal.printing import say, say_json
from masking.augment.config import AugmentConfig
from masking.files.text import counted

if TYPE_CHECKING:
    from masking.augment.report import AugmentReport


@click.command("augment", cls=GroupedCommand)
@click.argument("folders", metavar="[FOLDER]...", nargs=-1, type=A_PATH)
@workspace_option
@json_option
@click.option(
    "--unlabelled",
    multiple=True,
    type=A_PATH,
    help="Also a folder of unmasked faces without names, in any layout; may be given "
    "several times. train only learns from them how a face looks under a mask.",
)
@click.option(
    "--merge", is_flag=True, help="Make one manifest of what --shard left, no more."
)
@options_from(AugmentConfig)
def augment_command(
    folders: tuple[Path, ...],
    workspace: Path,
    as_json: bool,
    unlabelled: tuple[Path, ...],
    merge: bool,
    **options: Any,
) -> None:
    """Render masks on the photographs of FOLDER, one folder per person.

    The first level of folders names the person: NAME/1.jpg, NAME/2020/2.jpg. Photos
    that a labels.csv in FOLDER (person, file, mask) calls masked are cut, and get no
    other mask. Exit code: 0; 2 when a picture could not be read, and all others are
    done; 1 when there is no face at all.

    Without FOLDER: ./data/celebrities if there is one, else the embedded sample of
    people who do not exist.

    \b
    Example:
        python cli.py augment data/celebrities --variants 4
        python cli.py augment data/lfw data/celeba data/rmfrd
        python cli.py augment data/lfw --unlabelled data/passers-by
    On two machines that share a disk, then once on either:
        python cli.py augment data/celebrities --shard 1/2
        python cli.py augment data/celebrities --shard 2/2
        python cli.py augment data/celebrities --merge
    """
    config = AugmentConfig(**options)
    sources = folders or (_default_photos(),)
    from masking.augment.journal import part_file
    from masking.augment.stage import augment, merge_parts
    from masking.datasets.folders import WHOLE

    out = workspace / "augmented"
    if merge:
        report = merge_parts([*sources, *unlabelled], out, config.preview)
    else:
        report = augment(sources, out, config, unlabelled=unlabelled)
    part = WHOLE if merge else config.part
    if as_json:
        say_json(asdict(report))
    else:
        for name in report.unread:
            say(f"not read: {report.skipped[name]}", err=True)
        pictures = report.masked + report.masked_photos
        say(_counts(report))
        if report.skipped:
            say(f"{_skipped(report)}: {part_file(out, 'report.json', part)} says why")
        if pictures:
            say(f"look at {part_file(out, 'preview.png', part)}")
        if config.preview:
            say(f"look at {part_file(out, 'kinds.png', part)}")
        if not part.is_whole:
            say("when all parts are done: python cli.py augment FOLDER --merge")
    sys.exit(report.exit_code)


def _counts(report: AugmentReport) -> str:
    people = counted(report.people, "person")
    told = [f"{counted(report.photos, 'photo')} of {people}"]
    told.append(f"{counted(report.faces, 'face')} found")
    told.append(f"{counted(sum(report.kinds.values()), 'mask')} rendered")
    if report.deleted:
        told.append(f"{counted(report.deleted, 'old file')} deleted")
    return ", ".join(told)


def _skipped(report: AugmentReport) -> str:
    """How many photos there is nothing of, for want of a face or of a picture."""
    unread = len(report.unread)
    faceless = len(report.skipped) - unread
    reasons = [f"{faceless} without a face"] if faceless else []
    reasons += [f"{unread} not read"] if unread else []
    return f"{counted(len(report.skipped), 'photo')} skipped, {', '.join(reasons)}"


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
