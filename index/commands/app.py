"""The command `app`."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import click

from index.app.run_folder import run_folder
from index.commands.terminal.options import (
    device_option,
    embedder_of,
    model_option,
    workspace_option,
)
from index.commands.terminal.printing import say
from masking.errors import MissingInput


@click.command("app")
@workspace_option
@model_option
@device_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7860,
    show_default=True,
    help="Of 127.0.0.1; 0 takes a free one.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page at once.")
def app_command(
    workspace: Path, model: str, device: str, port: int, browser: bool
) -> None:
    """Serve a page to this machine alone: identify, enroll, remove, try masks.

    Nothing leaves the machine. Ctrl-C ends it. The printed address opens the page;
    its token keeps websites and other accounts of the machine out.

    \b
    Example:
        python cli.py app
    """
    if importlib.util.find_spec("gradio") is None:
        raise MissingInput(
            "the page needs Gradio. Run: pip install 'masked-faces[app]'"
        )
    embedder = embedder_of(workspace, model, device)
    # What is dropped on the page is gone when it is closed.
    with run_folder() as dropped:
        from index.app.gradio_settings import keep_quiet

        keep_quiet(dropped)
        from index.app.actions import AppActions
        from index.app.page import CSS, THEME, build_page
        from index.app.server import open_in_browser, served

        page = build_page(AppActions(workspace, embedder))
        with served(page, THEME, CSS, port) as address:
            say(f"{address} (Ctrl-C ends it)")
            if browser:
                open_in_browser(address, dropped)
            threading.Event().wait()
