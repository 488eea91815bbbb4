"""What commands say: lines, questions, how mistakes and signals end.

They print through this alone, so nothing gets by it. SIGTERM and SIGHUP end a command
like Ctrl-C: what is half done is cleaned up.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Any

import click
from click.exceptions import Exit, NoArgsIsHelpError, UsageError

from masking.errors import InvalidConfig, ToolkitError
from masking.files.shown_text import aligned, shown
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


# What a shell gives for a program that SIGPIPE ended.
_BROKEN_PIPE = 141
# Windows has no SIGHUP.
_ENDS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class ToolkitGroup(click.Group):
    """Ends every mistake that a user can fix with one line and exit code 2."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the arguments of the group; --help and --version print here."""
        open_streams()
        with _ending_in_one_line():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        with _ending_in_one_line(), ended_like_ctrl_c():
            return super().invoke(ctx)


@contextmanager
def _ending_in_one_line() -> Iterator[None]:
    try:
        yield
    except ToolkitError as error:
        say(f"error: {error}", err=True)
        raise Exit(2) from error
    except NoArgsIsHelpError:
        raise
    except UsageError as error:
        name = error.ctx.command_path if error.ctx else "cli.py"
        say(f"error: {error.format_message()} See {name} --help.", err=True)
        raise Exit(2) from error
    except BrokenPipeError as error:
        # The reader of our output (head, less) has seen enough.
        stop_output()
        raise Exit(_BROKEN_PIPE) from error
    except KeyboardInterrupt as error:
        say("interrupted: run the same command again to go on from here.", err=True)
        raise Exit(130) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        what = f"{where}{error.strerror or error}."
        say(f"error: {what} {_remedy(error)}", err=True)
        raise Exit(2) from error


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Make room, then run the same command again: it goes on from here."
    return "Expected a place that can be read and written; choose another one."


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """A clone works without being installed: then setup.cfg knows the version."""
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("masked-faces")
    except PackageNotFoundError:
        from configparser import ConfigParser

        setup = ConfigParser()
        setup.read(Path(__file__).parents[3] / "setup.cfg", encoding="utf-8")
        number = setup.get("metadata", "version", fallback="unknown")
    say(f"masked-faces {number}")
    ctx.exit()


version_option = click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Within it, both signals raise KeyboardInterrupt in the main thread, once.

    What they did before is restored afterwards. One that is ignored stays ignored:
    `nohup` asks for that. Elsewhere than in the main thread nothing is changed,
    since only that one may say what signals do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def end(number: int, _: FrameType | None) -> None:
        if os.getpid() != owner:
            # A fork inherited this; whoever started it wants it to end at once.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        # A closed terminal sends several: they must not interrupt the cleaning up.
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _ENDS}
    # None is a handler that was not set from Python: it could not be set again.
    kept = (signal.SIG_IGN, None)
    before = {number: old for number, old in before.items() if old not in kept}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
