"""The command `fetch`."""

from __future__ import annotations

from pathlib import Path

import click

from index.commands.terminal.options import A_PATH
from index.commands.terminal.printing import say
from masking.files.shown_text import counted

CELEBRITIES = Path("data/celebrities")


@click.command("fetch")
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
    say(f"{out}: {counted(count, 'person')}. Next: python cli.py augment")
