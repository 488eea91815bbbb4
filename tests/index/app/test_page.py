"""The page in a browser: photo in, card out; people come and go; masks are rendered."""

import os

import pytest

from index.app.actions import AppActions
from masking.datasets.images import write_image
from masking.errors import ToolkitError
from tests.fakes.drawn_faces import drawn_face
from tests.fakes.faces_for_index import RED, ColourEmbedder, draw_photo
from tests.fakes.served_page import headless_browser, served_page

pytest.importorskip("gradio", reason="the extra app is not installed")

# Gradio warns about itself and its pandas, in threads of its own.
pytestmark = pytest.mark.filterwarnings("ignore")
_PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The page's address, with one person enrolled, and the folder of its photos."""
    folder = tmp_path_factory.mktemp("page")
    with served_page(folder) as (address, _):
        yield address, folder


@pytest.fixture(scope="module")
def browser():
    with headless_browser() as opened:
        yield opened


def test_the_page_is_for_this_machine_alone(served):
    from index.app.page import CSS, THEME, build_page
    from index.app.server import served as serve

    address, folder = served
    where, _, token = address.partition("/?token=")
    assert where.startswith("http://127.0.0.1:") and len(token) >= 43
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"

    taken = int(where.rpartition(":")[2])
    other = build_page(AppActions(folder, ColourEmbedder()))
    with (
        pytest.raises(ToolkitError, match=f"port {taken} .* Choose another one"),
        serve(other, THEME, CSS, taken),
    ):
        pass


def test_the_whole_page_in_a_browser(served, browser):
    address, folder = served
    own = address.partition("?")[0]
    elsewhere = []
    tab = browser.new_page(viewport={"width": 1180, "height": 1000})
    tab.set_default_timeout(_PATIENCE_MS)
    tab.on(
        "request",
        lambda request: (
            elsewhere.append(request.url)
            if request.url.startswith("http") and not request.url.startswith(own)
            else None
        ),
    )
    tab.goto(address)
    assert tab.url == own
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


def test_names_of_people_and_files_are_text_and_no_html(served, browser):
    address, folder = served
    tab = browser.new_page()
    tab.set_default_timeout(_PATIENCE_MS)
    tab.goto(address)
    name = '<img src=x onerror="window.hurt=1"> & <b>Sons'

    def panel():
        return tab.locator('[role="tabpanel"]:visible')

    def press(button):
        panel().get_by_role("button", name=button, exact=True).click()

    tab.get_by_role("tab", name="Enroll").click()
    panel().get_by_label("Name").fill(name)
    photo = draw_photo(folder / "<b>bold<b>.png", (0, 200, 200))
    panel().locator("input[type=file]").first.set_input_files(photo)
    panel().get_by_text("bold").first.wait_for()
    press("Enroll")
    tab.wait_for_function("document.querySelector('#report textarea').value != ''")
    tab.get_by_role("tab", name="People").click()
    panel().locator(':text("Sons"):visible').first.wait_for()
    panel().locator("#remove input").click()
    panel().get_by_role("option", name=name).click()
    press("Remove")
    told = tab.locator(".toast-body", has_text="confirm it first")
    told.wait_for()
    assert f"{name} was not removed" in told.inner_text()
    assert tab.locator('img[src="x"], b').count() == 0
    assert tab.evaluate("window.hurt") is None
