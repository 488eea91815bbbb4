"""The command `verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from index.commands.terminal.options import (
    A_PATH,
    GroupedCommand,
    device_option,
    json_option,
    model_option,
    onnx_embedder_of,
    workspace_option,
)
from index.commands.terminal.printing import say
from masking.errors import InvalidConfig


@click.command("verify", cls=GroupedCommand)
@click.argument("photos", nargs=-1, type=A_PATH)
@click.option("--csv", "table", type=A_PATH, help="Many pairs: two files a line.")
@click.option("--cards/--no-cards", default=True, help="Draw a card of both faces.")
@click.option(
    "--fpir",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Fraction of pairs of two people that may be called one.",
)
@workspace_option
@model_option
@device_option
@json_option
def verify_command(
    photos: tuple[Path, ...],
    table: Path | None,
    cards: bool,
    fpir: float,
    workspace: Path,
    model: str,
    device: str,
    as_json: bool,
) -> None:
    """Say whether two photographs, masked or not, show the same person.

    Of several faces the most prominent counts. No gallery is needed. The file of
    --csv may have the header file_a,file_b. Exit code: 0 the same person, 3 different
    people, 4 a photo without a face, 2 a photo that cannot be read; of many pairs, the
    first of 2, 4 and 3 that occurs.

    \b
    Examples:
        python cli.py verify passport.jpg masked.jpg
        python cli.py verify --csv pairs.csv --json --no-cards
    """
    if (len(photos) == 2) is (table is not None) or (photos and table):
        raise InvalidConfig("verify takes two photographs, or --csv PAIRS.")
    from index.identification import verification
    from index.identification.answers import exit_code
    from index.identification.config import IdentifyConfig
    from masking.faces.finder import default_finder

    pairs = verification.read_pairs(table) if table else [(photos[0], photos[1])]
    embedder = onnx_embedder_of(workspace, model, device, photos)
    config = IdentifyConfig(fpir=fpir, cards=cards)
    verifier = verification.Verifier(workspace, embedder, default_finder(), config)
    statuses = set()
    for pair in pairs:
        answer = verifier.verify(pair)
        statuses.add(answer.status)
        if as_json:
            say(verification.verification_record(pair, answer))
            continue
        say(verification.verification_line(pair, answer))
        if answer.card:
            say(f"  card: {answer.card}")
    sys.exit(exit_code(statuses))
