"""How the command line as a whole behaves: its version, and how mistakes end."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.exceptions import Exit, NoArgsIsHelpError, UsageError

from index.commands.terminal.end_signals import ended_like_ctrl_c
from index.commands.terminal.printing import open_streams, say, stop_output
from masking.errors import ToolkitError

# What a shell gives for a program that SIGPIPE ended.
_BROKEN_PIPE = 141


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
