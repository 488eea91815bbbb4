"""The page in a browser: photo in, card out; people come and go; masks are painted."""

import gc
import os
import shutil
import warnings

import pytest
from drawn_faces import OneDrawnFace, drawn_face
from faces_for_index import RED, ColourEmbedder, SquareFinder, draw_photo

from index import app_actions
from index.app_settings import keep_quiet
from masking.errors import ToolkitError
from masking.image_files import write_image

gradio = pytest.importorskip("gradio", reason="the extra app is not installed")

# Gradio warns about itself and its pandas, in threads of its own.
pytestmark = pytest.mark.filterwarnings("ignore")
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
_PATIENCE_MS = 30_000


@pytest.fixture(scope="module", autouse=True)
def nothing_left_open():
    """Gradio leaves sockets and loops to the garbage collector, which warns of them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The page's address, with one person enrolled, and the folder of its photos."""
    folder = tmp_path_factory.mktemp("page")
    patch = pytest.MonkeyPatch()
    for name in ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"):
        patch.setenv(name, "")
    patch.setenv("GRADIO_TEMP_DIR", "")
    keep_quiet(folder / "dropped")
    patch.setattr(app_actions, "default_finder", SquareFinder)
    patch.setattr(app_actions, "bare_finder", OneDrawnFace)
    from index.app_page import build_page, serve

    actions = app_actions.AppActions(folder / "workspace", ColourEmbedder())
    actions.enroll("Red", [draw_photo(folder / "red.png", RED)])
    page = build_page(actions)
    address = serve(page, 0, folder / "workspace" / "identified", False)
    yield page, address, folder
    page.close()
    patch.undo()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: install one of {', '.join(_BROWSERS)}")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=_FLAGS)
        yield opened
        opened.close()


def test_the_page_is_for_this_machine_alone(served):
    page, address, folder = served
    assert address.startswith("http://127.0.0.1:")
    assert not page.share and not page.analytics_enabled
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    from index.app_page import build_page, serve

    taken = int(address.rstrip("/").rpartition(":")[2])
    other = build_page(app_actions.AppActions(folder, ColourEmbedder()))
    with pytest.raises(ToolkitError, match="Choose another one"):
        serve(other, taken, folder, False)


def test_the_whole_page_in_a_browser(served, browser):
    _, address, folder = served
    elsewhere = []
    tab = browser.new_page(viewport={"width": 1180, "height": 1000})
    tab.set_default_timeout(_PATIENCE_MS)
    tab.on(
        "request",
        lambda request: (
            elsewhere.append(request.url)
            if request.url.startswith("http") and not request.url.startswith(address)
            else None
        ),
    )
    tab.goto(address)
    probe = draw_photo(folder / "probe.png", RED)

    def panel():
        return tab.locator('[role="tabpanel"]:visible')

    def drop(path):
        panel().locator("input[type=file]").first.set_input_files(path)

    def press(name):
        panel().get_by_role("button", name=name, exact=True).click()

    def told(box):
        field = f"#{box} textarea, #{box} input"
        tab.wait_for_function(f"document.querySelector('{field}').value != ''")
        return tab.locator(field).first.input_value()

    drop(probe)
    panel().locator("img").first.wait_for()
    press("Identify")
    assert told("answer").startswith("probe.png: Red (")
    panel().locator(".grid-wrap img").first.wait_for()

    tab.get_by_role("tab", name="Enroll").click()
    panel().get_by_label("Name").fill("Crimson")
    drop(draw_photo(folder / "dark.png", (200, 0, 40)))
    panel().get_by_text("dark").first.wait_for()
    press("Enroll")
    assert told("report") == "Crimson: 1 photos added"

    tab.get_by_role("tab", name="People").click()
    panel().locator(':text("Crimson"):visible').first.wait_for()
    panel().locator("#remove input").click()
    panel().get_by_role("option", name="Crimson").click()
    press("Remove")
    tab.get_by_text("confirm it first").first.wait_for()
    panel().get_by_label("Yes, erase for good").check()
    press("Remove")
    assert told("done") == "Crimson and 1 photos were erased."

    tab.get_by_role("tab", name="Try masks").click()
    write_image(folder / "face.png", drawn_face(200)[0])
    drop(folder / "face.png")
    panel().locator("img").first.wait_for()
    press("Put it on")
    panel().locator("#masked img").wait_for()
    assert elsewhere == []
