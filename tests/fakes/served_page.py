"""The local page with drawn faces, and a headless browser to look at it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest

from index.app.actions import AppActions
from index.app.models import Models
from index.app.uploads import Upload
from index.enrollment.config import EnrollConfig
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


class DrawnModels(Models):
    """Faces are squares of one colour; masks go on `drawn_face`."""

    finder = SquareFinder()
    unmasked_finder = OneDrawnFace()

    def __init__(self):
        super().__init__(ColourEmbedder())

    def warm_up(self):
        """There is nothing to load."""


def drawn_actions(folder):
    """Actions on `folder / "workspace"`, with drawn faces."""
    dropped = folder / "dropped"
    dropped.mkdir(exist_ok=True)
    return AppActions(folder / "workspace", DrawnModels(), dropped)


def upload(path):
    """A file as it is sent to the page."""
    return Upload(path.name, path.read_bytes())


@contextmanager
def served_page(folder):
    """Gives the address that opens the page, and its actions; "Red" is enrolled.

    The example gallery holds the same photo as "Sample", and one to try.

    The workspace is `folder / "workspace"`.
    """
    from index.app.api import Desk
    from index.app.examples import Examples
    from index.app.server import served

    actions = drawn_actions(folder)
    red = upload(draw_photo(folder / "red.png", RED))
    actions.enroll("Red", [red], (), EnrollConfig())
    (folder / "other").mkdir()
    examples = Examples(drawn_actions(folder / "other"))
    examples.actions.enroll("Sample", [red], (), EnrollConfig())
    # Made already: the sample's people are no squares.
    examples.photos = {"example-1.jpg": red.data}
    desk = Desk(actions, examples)
    with served(desk, 0) as address:
        yield address, actions


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
