"""Prints what commands say, and asks before what cannot be undone.

They print through this alone, so nothing gets by it.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

import click
from click.exceptions import Exit

from masking.errors import InvalidConfig
from masking.files.text import aligned, shown
from masking.files.writing import strict_json

yes_option = click.option("--yes", is_flag=True, help="Do not ask; for scripts.")


def say(*fields: object, err: bool = False) -> None:
    """Print one line.

    Args:
        fields: separated by tabs; control characters in them are escaped, as names
            of files may hold line breaks and what rules a terminal.
        err: to standard error.
    """
    _print("\t".join(shown(str(field)) for field in fields), err)


def say_lines(lines: Iterable[str]) -> None:
    """Print lines, as `say` does each."""
    for line in lines:
        say(line)


def say_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below their headers, in aligned columns."""
    for line in aligned([head, *([str(cell) for cell in row] for row in rows)]):
        _print(line)


def say_json(record: Any) -> None:
    """Print a record as one line of JSON."""
    _print(strict_json(record))


def _print(line: str, err: bool = False) -> None:
    # Left to itself, click writes UTF-8 where the user asked for ASCII.
    click.echo(line, file=sys.stderr if err else sys.stdout)


class OneLine(logging.Formatter):
    """LEVEL: message, with control characters escaped."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return f"{record.levelname}: {shown(record.message)}"


def log_to_stderr() -> None:
    """Show what libraries and stages warn of."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(handlers=[handler])


def quieten_pillow() -> None:
    """Hide its warnings: the loader says what is wrong with a file."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


def open_streams() -> None:
    """Make standard input, output and error usable, whatever the caller did to them.

    Closed ones are opened on nothing: libraries in C would write what they have to
    say into the next file that gets the number. What the encoding of an output
    cannot say is escaped.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, _nothing(number))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def stop_output() -> None:
    """What is still to be printed goes nowhere: nobody reads it any more."""
    # An output that is no file has no number.
    with suppress(OSError):
        _nothing(sys.stdout.fileno())


def _nothing(number: int) -> TextIOWrapper:
    """A stream on nothing with this number."""
    way = os.O_RDONLY if number == 0 else os.O_WRONLY
    handle = os.open(os.devnull, way)
    if handle != number:
        os.dup2(handle, number)
        os.close(handle)
    os.set_inheritable(number, True)
    return open(number, "r" if number == 0 else "w", closefd=False)


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
