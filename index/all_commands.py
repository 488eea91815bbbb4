"""How the command line as a whole behaves: its version, and how mistakes end."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import click

from index.end_signals import ended_like_ctrl_c
from masking.errors import ToolkitError


class ToolkitGroup(click.Group):
    """Ends every mistake that a user can fix with one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        _open_stderr()
        try:
            with ended_like_ctrl_c():
                return super().invoke(ctx)
        except ToolkitError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(2)
        except BrokenPipeError:
            # The reader of our output (head, less) has seen enough.
            sys.stderr.close()
            ctx.exit(0)
        except KeyboardInterrupt:
            click.echo(
                "interrupted: run the same command again to go on from here.", err=True
            )
            ctx.exit(130)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            what = f"{where}{error.strerror or error}."
            click.echo(f"error: {what} {_remedy(error)}", err=True)
            ctx.exit(2)


def _open_stderr() -> None:
    """Messages go nowhere when the caller closed stderr.

    Progress bars and warnings would fail, and the next file that is opened would
    get its number and with it what libraries in C have to say.
    """
    if sys.stderr is not None:
        return
    handle = os.open(os.devnull, os.O_WRONLY)
    if handle != 2:
        os.dup2(handle, 2)
        os.close(handle)
    os.set_inheritable(2, True)
    sys.stderr = os.fdopen(2, "w")


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
        setup.read(Path(__file__).parent.parent / "setup.cfg", encoding="utf-8")
        number = setup.get("metadata", "version", fallback="unknown")
    click.echo(f"masked-faces {number}")
    ctx.exit()


version_option = click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
