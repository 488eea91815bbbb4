"""The local page, served with drawn faces, and a headless browser to look at it."""

from __future__ import annotations

import gc
import shutil
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

from index.app import actions as app_actions
from index.app.gradio_settings import keep_quiet
from tests.fakes.drawn_faces import OneDrawnFace
from tests.fakes.faces_for_index import RED, ColourEmbedder, SquareFinder, draw_photo

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def served_page(folder: Path):
    """Gives the address that opens the page, and its actions; "Red" is enrolled.

    The workspace is `folder / "workspace"`.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"):
            patch.setenv(name, "")
        patch.setenv("GRADIO_TEMP_DIR", "")
        keep_quiet(folder / "dropped")
        patch.setattr(app_actions, "default_finder", SquareFinder)
        patch.setattr(app_actions, "unmasked_finder", OneDrawnFace)
        from index.app.page import CSS, THEME, build_page
        from index.app.server import served

        actions = app_actions.AppActions(folder / "workspace", ColourEmbedder())
        actions.enroll("Red", [draw_photo(folder / "red.png", RED)])
        with served(build_page(actions), THEME, CSS, 0) as address:
            yield address, actions
    # Gradio leaves sockets and loops to the garbage collector, which warns of them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@contextmanager
def headless_browser(*flags: str):
    """A Chromium of this machine; skips the test where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed"
    )
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: install one of {', '.join(_BROWSERS)}")
    with playwright.sync_playwright() as driver:
        args = [*_FLAGS, *flags]
        opened = driver.chromium.launch(executable_path=found, args=args)
        yield opened
        opened.close()
