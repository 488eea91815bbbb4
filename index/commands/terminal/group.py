"""How the command line as a whole behaves: its version, how mistakes and signals end.

SIGTERM and SIGHUP end a command like Ctrl-C: what is half done is cleaned up.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
from click.exceptions import Exit, NoArgsIsHelpError, UsageError

from index.commands.terminal.printing import open_streams, say, stop_output
from masking.errors import ToolkitError

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
