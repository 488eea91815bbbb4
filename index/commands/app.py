"""The command `app`."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from training.embedders.embedded_face import Embedder

# What the extra `app` brings.
_PACKAGES = ("fastapi", "uvicorn", "python_multipart")


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
    """Serve a page to this machine alone: identify, enroll, people, masks.

    Nothing leaves the machine. Ctrl-C ends it. The printed address opens the page;
    its token keeps websites and other accounts of the machine out. Programs ask the
    same address for JSON under /api.

    \b
    Example:
        python cli.py app
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingInput(
            f"the page needs {', '.join(missing)}. In its clone: pip install '.[app]'"
        )
    from index.app.actions import AppActions
    from index.app.api import Desk
    from index.app.examples import Examples
    from index.app.models import Models
    from index.app.server import open_in_browser, served

    models = Models(_embedder(workspace, model, device))
    # What is dropped on the page is gone when it is closed.
    with run_folder() as folder:
        examples = Examples(AppActions(folder / "example", models, folder))
        desk = Desk(AppActions(workspace, models, folder), examples)
        with served(desk, port) as address:
            say(f"{address} (Ctrl-C ends it)")
            if browser:
                open_in_browser(address, folder)
            threading.Event().wait()


def _embedder(workspace: Path, model: str, device: str) -> Embedder:
    """Photos come one by one, which is quick without torch."""
    if device != "auto":
        return embedder_of(workspace, model, device)
    from training.checkpoints.store import choose_onnx_embedder

    return choose_onnx_embedder(model, workspace / "models")
