"""The command `fetch`."""

from __future__ import annotations

from pathlib import Path

import click

from index.commands.terminal.options import A_PATH
from index.commands.terminal.printing import say
from masking.files.text import counted

CELEBRITIES = Path("data/celebrities")


@click.command("fetch")
@click.argument("dataset", type=click.Choice(["lfw", "celeba"]))
@click.option(
    "--out",
    type=A_PATH,
    default=CELEBRITIES,
    show_default=True,
    help="New folder for the photos.",
)
def fetch_command(dataset: str, out: Path) -> None:
    """Download a data set, check its hash and unpack it.

    lfw: 5,749 people, needs .5 GB of disk. celeba: 10,177 people, 3.5 GB. What was
    stopped goes on where it stopped.

    \b
    Example:
        python cli.py fetch lfw
        python cli.py fetch celeba --out data/celeba
    """
    from masking.datasets.downloads import fetch_celeba, fetch_lfw

    count = (fetch_lfw if dataset == "lfw" else fetch_celeba)(out)
    folder = "" if out == CELEBRITIES else f" {out}"
    say(f"{out}: {counted(count, 'person')}. Next: python cli.py augment{folder}")
