"""The page in a real browser: every flow on a phone's screen, most on a desk's, too."""

import base64
import json
import re
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra app is not installed")

from index.enrollment.config import EnrollConfig
from masking.datasets.images import write_image
from tests.fakes.drawn_faces import drawn_face
from tests.fakes.faces_for_index import BLUE, GREEN, RED, ColourEmbedder, draw_photo
from tests.fakes.served_page import headless_browser, served_page, upload

_PATIENCE_MS = 30_000
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser():
    # A camera that shows a test picture, and nobody is asked whether it may.
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with headless_browser(*flags) as opened:
        yield opened


@pytest.fixture(scope="module", params=SIZES)
def screen(request, browser):
    """A tab of one size for all tests: opening one costs more than most of them."""
    width, height = SIZES[request.param]
    opened = browser.new_page(viewport={"width": width, "height": height})
    opened.set_default_timeout(_PATIENCE_MS)
    yield opened
    opened.close()


@pytest.fixture
def tab(tmp_path, screen):
    """The page with "Red" enrolled; what it asks elsewhere, and its faults, fail."""
    elsewhere, faults = [], []
    heard = {
        "request": lambda sent: elsewhere.append(sent.url),
        "pageerror": lambda fault: faults.append(fault),
    }
    with served_page(tmp_path) as (address, actions):
        own = address.partition("?")[0]
        screen.actions = actions
        for event, listener in heard.items():
            screen.on(event, listener)
        screen.goto(address)
        screen.get_by_role("tab", name="Identify", selected=True).wait_for()
        assert screen.url == own
        yield screen
        width = screen.viewport_size["width"]
        assert screen.evaluate("document.documentElement.scrollWidth") <= width
        for event, listener in heard.items():
            screen.remove_listener(event, listener)
        screen.unroute_all(behavior="ignoreErrors")
        screen.emulate_media(color_scheme="light")
        screen.context.clear_cookies()
        screen.goto("about:blank")
    wanted = (own, f"blob:{own}", "data:")
    assert [url for url in elsewhere if not url.startswith(wanted)] == []
    assert faults == []


# What is done the same on any screen is tried on the one where less finds room.
one_screen = pytest.mark.parametrize("screen", ["phone"], indirect=True)

# Whether the middle of a picture, a little below, is red rather than green and blue.
MIDDLE = """(image) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const [x, y] = [canvas.width / 2, 0.62 * canvas.height];
  const [red, green, blue] = pen.getImageData(x, y, 1, 1).data;
  return [red > 1.5 * green, red > 1.5 * blue];
}"""


def panel(tab):
    return tab.locator('[role="tabpanel"]:visible')


def film_of(folder, colour):
    """An AVI of a little more than a second that shows one face."""
    frame = cv2.imread(str(draw_photo(folder / "frame.png", colour)))
    size = (frame.shape[1], frame.shape[0])
    path = folder / "party.avi"
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"PNG "), 10, size)
    for _ in range(12):
        film.write(frame)
    film.release()
    return path


def go(tab, name):
    tab.get_by_role("tab", name=name).click()
    # Its address changes first, and its panel then.
    tab.get_by_role("tab", name=name, selected=True).wait_for()


def drop(tab, *paths):
    panel(tab).locator("input[type=file]").first.set_input_files(paths)


def press(tab, name):
    panel(tab).get_by_role("button", name=name, exact=True).click()


def text(tab, words):
    panel(tab).get_by_text(words).first.wait_for()


def masked(tab):
    """All 37 pictures of the sheet take long on a busy machine."""
    working = panel(tab).get_by_text("Putting masks on")
    working.wait_for(state="detached", timeout=4 * _PATIENCE_MS)


def agree(tab, name):
    tab.locator("dialog").get_by_role("button", name=name).click()


def test_photos_are_answered_one_after_the_other(tab, tmp_path):
    group = draw_photo(tmp_path / "group.png", RED, GREEN)
    note = tmp_path / "note.jpg"
    note.write_text("no photo")
    drop(tab, draw_photo(tmp_path / "one.png", RED), group, note)
    text(tab, "2 named, 1 without an answer")
    text(tab, "note.jpg: not an image")
    # Whoever uses the page has no terminal in mind.
    assert "cli.py" not in panel(tab).inner_text()
    one, both, _ = panel(tab).locator("article").all()
    assert one.get_by_role("heading", level=3).inner_text() == "Red"
    assert "Match" in one.inner_text() and "accepted from 0" in one.inner_text()
    assert one.locator(".frame").count() == 1
    # A square of one colour is no mask, nor surely none.
    assert "This face: perhaps masked" in one.inner_text()
    assert both.locator(".frame").count() == 2
    titles = both.get_by_role("heading", level=3).all_inner_texts()
    assert titles == ["Red", "Unknown"]
    # The face and the nearest photo, side by side.
    left, right = (figure.bounding_box() for figure in one.locator("figure").all())
    assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
    # The frame lies where the face is: 60 of 110 px wide.
    frame, photo = (one.locator(p).first.bounding_box() for p in (".frame", ".shot"))
    assert frame["width"] / photo["width"] == pytest.approx(60 / 110, abs=0.02)
    one.get_by_role("button", name="Card").click()
    tab.get_by_role("link", name="Save PNG").wait_for()
    assert tab.locator("dialog img").evaluate("image => image.decode()") is None
    with tab.expect_download() as saved:
        tab.get_by_role("link", name="Save PDF").click()
    assert saved.value.suggested_filename.endswith(".pdf")
    assert saved.value.path().read_bytes().startswith(b"%PDF")
    # Printed it is one sheet.
    assert re.findall(rb"/Count (\d+)", tab.pdf()) == [b"1"]


@one_screen
def test_photos_are_dropped_pasted_and_taken(tab, tmp_path):
    photo = base64.b64encode(draw_photo(tmp_path / "one.png", RED).read_bytes())
    send = """([photo, kind, name]) => {
      const bytes = Uint8Array.from(atob(photo), (letter) => letter.charCodeAt(0));
      const held = new DataTransfer();
      held.items.add(new File([bytes], name, {type: "image/png"}));
      const sent = {bubbles: true, cancelable: true};
      document.body.dispatchEvent(kind === "drop"
        ? new DragEvent("drop", {...sent, dataTransfer: held})
        : new ClipboardEvent("paste", {...sent, clipboardData: held}));
    }"""
    for kind in ("drop", "paste"):
        tab.evaluate(send, [photo.decode(), kind, f"{kind}.png"])
        text(tab, f"{kind}.png")
    text(tab, "2 named")
    press(tab, "Camera")
    tab.get_by_role("button", name="Take it").click()
    text(tab, "camera-")
    text(tab, "2 named, 1 ")


@one_screen
def test_a_film_is_answered_by_tracks(tab, tmp_path):
    drop(tab, film_of(tmp_path, RED))
    panel(tab).get_by_role("heading", name="Red").wait_for()
    text(tab, "Match · 0:00 to 0:01")
    assert panel(tab).locator("article video").count() == 1
    press(tab, "Card")
    tab.get_by_role("link", name="Save PNG").wait_for()


@one_screen
def test_how_much_of_a_film_was_watched_is_told(tab, tmp_path):
    tab.route("**/api/progress*", lambda route: route.fulfill(json={"watched": 0.417}))
    held = []
    tab.route("**/api/identify*", lambda route: held.append(route))
    drop(tab, film_of(tmp_path, RED))
    text(tab, "Watching the video: 42% …")
    held[0].continue_()
    panel(tab).get_by_role("heading", name="Red").wait_for()
    assert panel(tab).get_by_text("Watching").count() == 0


@one_screen
def test_how_strict_it_is_decides_again(tab, tmp_path):
    drop(tab, draw_photo(tmp_path / "one.png", (190, 40, 30)))
    panel(tab).get_by_role("heading", level=3).wait_for()
    shown = panel(tab).get_by_text("Score ").inner_text()
    text(tab, "Usual: 1 in 100 strangers is named")
    panel(tab).get_by_label("How strict").fill("0")
    text(tab, "Lenient: 1 in 10 strangers is named")
    text(tab, "Score ")
    panel(tab).get_by_text("Looking").wait_for(state="detached")
    # A stranger in ten may be named: the threshold is farther out.
    scores = [
        float(line.split()[1].rstrip(",").replace("\u2212", "-"))
        for line in (shown, panel(tab).get_by_text("Score ").inner_text())
    ]
    assert scores[1] > scores[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(tab, tmp_path, scheme):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    tab.emulate_media(color_scheme=scheme)
    drop(tab, draw_photo(tmp_path / "group.png", RED, GREEN))
    panel(tab).get_by_role("heading", level=3).nth(1).wait_for()
    faults = {}
    for name in ("Identify", "People", "Enroll", "Masks"):
        go(tab, name)
        if name == "Enroll":
            drop(tab, tmp_path / "group.png")
            text(tab, "2 faces")
        if name == "People":
            panel(tab).get_by_role("link", name="Red").first.click()
            text(tab, "1 photo.")
        found = axe.Axe().run(tab).response["violations"]
        faults |= {f"{name}: {one['id']}": one["nodes"][0]["html"] for one in found}
    assert faults == {}


@one_screen
def test_a_wrong_name_leads_to_the_photo_that_misled(tab, tmp_path):
    drop(tab, draw_photo(tmp_path / "one.png", RED))
    panel(tab).get_by_role("link", name="Not Red?").click()
    text(tab, "The marked photo is most like the face")
    assert panel(tab).locator(".marked").count() == 1
    # An only photo can be neither moved nor removed.
    text(tab, "It is the only one: rename, merge or erase the person below.")


@one_screen
def test_a_card_shows_on_request_what_the_score_rests_on_and_goes_with_its_tab(
    tab, tmp_path
):
    configs, identify = [], tab.actions.identify
    tab.actions.identify = lambda uploads, config: (
        configs.append(config) or identify(uploads, config)
    )
    go(tab, "Masks")
    go(tab, "Identify")
    drop(tab, draw_photo(tmp_path / "one.png", RED))
    press(tab, "Card")
    tab.get_by_role("link", name="Save PNG").wait_for()
    more = tab.get_by_role("button", name="Show what the score rests on")
    more.click()
    more.wait_for(state="detached")
    # The answer, its card, and the card with the map, which costs seconds.
    assert [(one.cards, one.heatmap) for one in configs] == [
        (False, False),
        (True, False),
        (True, True),
    ]
    tab.go_back()
    tab.get_by_role("tab", name="Masks", selected=True).wait_for()
    tab.locator("dialog").wait_for(state="detached")


def test_an_unknown_face_is_enrolled_where_it_is_seen(tab, tmp_path):
    drop(tab, draw_photo(tmp_path / "group.png", RED, GREEN))
    panel(tab).get_by_label("Enroll this face as").fill("Verdant")
    press(tab, "Enroll")
    panel(tab).get_by_role("heading", name="Verdant").wait_for()
    assert tab.locator("#names option").count() == 2


def test_the_face_that_is_meant_is_clicked_before_it_is_stored(tab, tmp_path):
    go(tab, "Enroll")
    drop(tab, draw_photo(tmp_path / "group.png", RED, BLUE))
    text(tab, "2 faces: the one in green")
    faces = panel(tab).get_by_role("button", name="Face ")
    faces.nth(1).click()
    pressed = [face.get_attribute("aria-pressed") for face in faces.all()]
    assert pressed == ["false", "true"]
    panel(tab).get_by_label("Name").fill("Navy")
    press(tab, "Enroll")
    text(tab, "Navy: 1 photo added")
    # What looks like somebody else is doubted, without an option to type.
    drop(tab, draw_photo(tmp_path / "red.png", (249, 5, 5)))
    panel(tab).get_by_label("Name").fill("Ruby")
    press(tab, "Enroll")
    doubt = "red.png: this face looks like Red, who is enrolled."
    text(tab, f"{doubt} Give that name, or store it as Ruby all the same.")
    press(tab, "Store all the same")
    text(tab, "Ruby: 1 photo added")
    text(tab, "Look again: red.png: this face looks like Red")
    black = tmp_path / "nobody.png"
    write_image(black, np.full((90, 90, 3), 128, np.uint8))
    drop(tab, black)
    text(tab, "nobody.png: no face found.")


def test_people_are_put_right(tab, tmp_path):
    go(tab, "Enroll")
    green = [draw_photo(tmp_path / f"{n}.png", (5, 245 + n, 5)) for n in range(3)]
    drop(tab, *green)
    panel(tab).get_by_role("button", name="Face 1").nth(2).wait_for()
    panel(tab).get_by_label("Name").fill("Emerald")
    press(tab, "Enroll")
    text(tab, "3 photos added")
    go(tab, "People")
    panel(tab).get_by_label("Search").fill("emer")
    text(tab, "1 person")
    panel(tab).get_by_role("link", name="Emerald").click()
    panel(tab).get_by_role("button", name="Remove").nth(2).click()
    agree(tab, "Keep")
    assert panel(tab).get_by_role("listitem").count() == 3
    panel(tab).get_by_role("button", name="Remove").nth(2).click()
    agree(tab, "Remove")
    text(tab, "2 photos.")
    with tab.expect_download() as saved:
        press(tab, "Export")
    assert saved.value.suggested_filename == "Emerald.zip"
    with ZipFile(saved.value.path()) as packed:
        assert packed.namelist() == ["1.jpg", "2.jpg", "person.json"]
    panel(tab).get_by_role("button", name="Move").first.click()
    panel(tab).get_by_label("To whom?").first.fill("Nobody")
    panel(tab).locator("li form:visible button").click()
    text(tab, "'Nobody' is not in the gallery.")
    panel(tab).get_by_label("Consent").fill("form 17")
    panel(tab).get_by_label("Last day to keep").fill("2099-12-31")
    press(tab, "Save")
    text(tab, "Consent: form 17. Kept until 2099-12-31.")
    panel(tab).get_by_role("link", name="Everybody").click()
    tile = panel(tab).get_by_role("listitem").filter(has_text="consent: form 17").first
    tile.wait_for()
    assert "consent: form 17\nuntil 2099-12-31" in tile.inner_text()
    tile.get_by_role("link").click()
    panel(tab).get_by_label("New name").fill("Jade")
    press(tab, "Rename")
    agree(tab, "Rename")
    panel(tab).get_by_role("heading", name="Jade").wait_for()
    panel(tab).get_by_label("The same person as").fill("Red")
    press(tab, "Merge")
    agree(tab, "Merge")
    text(tab, "3 photos.")
    press(tab, "Erase this person")
    agree(tab, "Erase")
    text(tab, "Nobody is enrolled yet")
    go(tab, "Identify")
    text(tab, "Two steps, and the page knows somebody")


@one_screen
def test_photos_of_another_model_are_embedded_again(tab, tmp_path):
    models = tab.actions.models
    models.embedder = ColourEmbedder(fingerprint="d" * 64)
    drop(tab, draw_photo(tmp_path / "one.png", RED))
    text(tab, "The stored photos belong to another model")
    assert "cli.py" not in panel(tab).inner_text()
    press(tab, "Embed them again")
    text(tab, "Done. Try again.")
    drop(tab, tmp_path / "one.png")
    panel(tab).get_by_role("heading", name="Red").wait_for()


@one_screen
def test_a_first_visit_begins_with_an_example(tab, tmp_path):
    go(tab, "People")
    panel(tab).get_by_role("link", name="Red").first.click()
    press(tab, "Erase this person")
    agree(tab, "Erase")
    text(tab, "Nobody is enrolled yet")
    go(tab, "Identify")
    press(tab, "Play with an example")
    press(tab, "Try example-1.jpg")
    panel(tab).get_by_role("heading", name="Sample").wait_for()
    go(tab, "People")
    panel(tab).get_by_role("link", name="Sample").first.wait_for()
    tab.get_by_role("button", name="Back to my gallery").click()
    text(tab, "Two steps, and the page knows somebody")
    assert panel(tab).locator("article").count() == 0


@one_screen
def test_masks_of_all_kinds_are_shown_and_saved(tab, tmp_path):
    go(tab, "Masks")
    write_image(tmp_path / "face.png", drawn_face(200)[0])
    drop(tab, tmp_path / "face.png")
    last = panel(tab).get_by_role("button", name="Save patch", exact=True)
    last.wait_for(timeout=4 * _PATIENCE_MS)
    assert panel(tab).locator("li img").count() == 6 * 5 + 2 + 5
    with tab.expect_download() as saved:
        press(tab, "Save cloth, nose out")
    assert saved.value.suggested_filename == "face-cloth-nose_out.png"
    write_image(tmp_path / "red.png", np.full((40, 40, 3), (210, 16, 16), np.uint8))
    panel(tab).get_by_label("Print a picture").set_input_files(tmp_path / "red.png")
    panel(tab).get_by_label("Light").select_option("1.4")
    masked(tab)
    # In the middle of the sheet's photo is the mask, in the picture's colour.
    assert panel(tab).locator("li img").nth(5).evaluate(MIDDLE) == [True, True]
    panel(tab).get_by_label("Save with labels and alpha").check()
    with tab.expect_download() as saved:
        press(tab, "Save cloth, nose out")
    with ZipFile(saved.value.path()) as packed:
        names = ["face.png", "face.alpha.png", "face.parts.png", "labels.json"]
        assert packed.namelist() == names
        (label,) = json.loads(packed.read("labels.json"))
    assert (label["light"], label["spec"]["texture"]) == (1.4, "red.png")
    drop(tab, tmp_path / "face.png", tmp_path / "red.png")
    text(tab, "2 photos: face.png is shown, Save gives a ZIP of all.")
    masked(tab)
    with tab.expect_download() as saved:
        press(tab, "Save kn95, correct")
    assert saved.value.suggested_filename == "masked-kn95-correct.zip"
    write_image(tmp_path / "black.png", np.zeros((200, 200, 3), np.uint8))
    drop(tab, tmp_path / "black.png")
    text(tab, "black.png: no face found.")


def test_tabs_are_reached_with_the_keyboard(tab):
    go(tab, "Identify")
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("document.activeElement.textContent") == "People"
    text(tab, "1 person")
    unnamed = tab.evaluate(
        """[...document.querySelectorAll("button, a, input, select")].filter(
        (one) => !one.hidden && !one.ariaLabel && !one.textContent.trim()
            && !one.labels?.length
        ).map((one) => one.outerHTML)"""
    )
    assert unnamed == []


@one_screen
def test_the_end_of_the_program_is_said(tab):
    go(tab, "Identify")
    tab.route("**/api/**", lambda route: route.abort())
    go(tab, "People")
    text(tab, "No answer: was the program ended in its terminal? Start it again.")


def test_a_long_name_stays_on_the_screen(tab, tmp_path):
    name = "W" * 200
    photo = draw_photo(tmp_path / f"{'w' * 120}.png", GREEN)
    go(tab, "Enroll")
    drop(tab, photo)
    panel(tab).get_by_label("Name").fill(name)
    press(tab, "Enroll")
    text(tab, f"{name}: 1 photo added")
    go(tab, "Identify")
    drop(tab, photo)
    panel(tab).get_by_role("heading", name=name).wait_for()
    width = tab.viewport_size["width"]
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    panel(tab).get_by_role("link", name=f"Not {name}?").click()
    press(tab, "Erase this person")
    inside = tab.locator("dialog").bounding_box()
    assert inside["width"] <= width
    agree(tab, "Keep")


def test_a_long_word_of_a_name_is_written_smaller_and_not_broken(tab, tmp_path):
    name = "Konstantinopolitanski"
    blue = upload(draw_photo(tmp_path / "blue.png", BLUE))
    tab.actions.enroll(name, [blue], (), EnrollConfig())
    drop(tab, draw_photo(tmp_path / "one.png", RED))
    lines = "(shown) => new Set([...shown.getClientRects()].map((one) => one.top)).size"
    assert panel(tab).locator(".candidates bdi").evaluate(lines) == 1
    go(tab, "People")
    assert panel(tab).locator("bdi", has_text=name).evaluate(lines) == 1


def test_names_of_people_and_files_are_text_and_no_html(tab, tmp_path):
    name = '<img src=x onerror="window.hurt=1"> & <b>Sons'
    photo = draw_photo(tmp_path / "<b>bold<b>.png", (0, 200, 200))
    go(tab, "Enroll")
    drop(tab, photo)
    text(tab, "<b>bold<b>.png")
    panel(tab).get_by_label("Name").fill(name)
    press(tab, "Enroll")
    text(tab, f"{name}: 1 photo added")
    go(tab, "Identify")
    drop(tab, photo)
    panel(tab).get_by_role("heading", name=name).wait_for()
    go(tab, "People")
    panel(tab).get_by_role("link", name=name).click()
    press(tab, "Erase this person")
    text_of = tab.locator("dialog").inner_text()
    assert f"Erase {name}?" in text_of
    agree(tab, "Erase")
    text(tab, "1 person")
    assert tab.locator('img[src="x"], b').count() == 0
    assert tab.evaluate("window.hurt") is None
