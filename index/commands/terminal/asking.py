"""Asks before what cannot be undone."""

from __future__ import annotations

import sys

import click
from click.exceptions import Exit

from index.commands.terminal.printing import say
from masking.errors import InvalidConfig
from masking.files.shown_text import shown

yes_option = click.option("--yes", is_flag=True, help="Do not ask; for scripts.")


def ask(question: str, yes: bool) -> None:
    """Go on only where `yes` was given, or somebody at a terminal says so.

    Raises:
        InvalidConfig: nobody can be asked.
        Exit: the answer was no; exit code 1.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidConfig(
            f"{question} Nobody can be asked, as standard input is no terminal: give "
            "--yes."
        )
    try:
        certain = click.confirm(shown(question), err=True)
    except click.Abort:
        certain = False
    if not certain:
        say("nothing was changed", err=True)
        raise Exit(1)
