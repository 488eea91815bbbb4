"""A browser that has the local page open visits a website that attacks it."""

import functools
import http.server
import threading
from contextlib import contextmanager

import pytest

from index.gallery.gallery import open_gallery
from tests.fakes.served_page import headless_browser, served_page

pytest.importorskip("fastapi", reason="the extra app is not installed")

# What a website can try against an address. Each entry of the answer is what it
# learned; changes are seen in the gallery.
ATTACK = """async (base) => {
  const learned = {};
  const people = base + "/api/people", red = people + "/Red";
  const patience = () =>
    new Promise((_, refuse) => setTimeout(() => refuse("too late"), 3000));
  const attempt = async (name, work) => {
    try { learned[name] = String(await Promise.race([work(), patience()])); }
    catch (error) { learned[name] = "blocked"; }
  };
  const read = async (path, options) =>
    (await fetch(path, {credentials: "include", ...options})).text();
  // A photo that the page would enroll.
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [110, 100];
  const pen = canvas.getContext("2d");
  pen.fillStyle = "rgb(128, 128, 128)";
  pen.fillRect(0, 0, 110, 100);
  pen.fillStyle = "rgb(5, 250, 5)";
  pen.fillRect(20, 20, 60, 60);
  const photo = await new Promise((tell) => canvas.toBlob(tell));
  const form = () => {
    const fields = new FormData();
    fields.append("name", "Evil");
    fields.append("photos", photo, "evil.png");
    return fields;
  };
  const merge = JSON.stringify({other: "Red"});
  const json = {"Content-Type": "application/json"};
  await attempt("page", () => read(base + "/"));
  await attempt("list", () => read(people));
  await attempt("photo", () => read(red + "/photos/1"));
  await attempt("api", () => read(base + "/api/openapi.json"));
  const loaded = (element, name, address) => new Promise((tell, refuse) => {
    element.onload = () => tell("told");
    element.onerror = refuse;
    element[name] = address;
    document.body.append(element);
  });
  await attempt("picture", () => loaded(
    document.createElement("img"), "src", red + "/photos/1"));
  await attempt("script", () => loaded(
    document.createElement("script"), "src", base + "/page.js"));
  const post = async (kind, options) => {
    const sent = {method: "POST", ...options};
    await attempt(kind + " enroll", () =>
      read(base + "/api/enroll", {...sent, body: form()}));
    await attempt(kind + " merge", () =>
      read(people + "/Evil/merge", {...sent, headers: json, body: merge}));
  };
  await post("simple", {});
  await post("opaque", {mode: "no-cors"});
  await attempt("text merge", () =>
    read(people + "/Evil/merge", {method: "POST", body: merge}));
  await attempt("token list", () =>
    read(people, {headers: {Authorization: "Bearer guessed"}}));
  await attempt("rename", () =>
    read(red, {method: "PATCH", headers: json, body: JSON.stringify({name: "Evil"})}));
  await attempt("erase", () => read(people + "/Evil", {method: "DELETE"}));
  await attempt("beacon", async () =>
    navigator.sendBeacon(base + "/api/enroll", form()) && "");
  await attempt("socket", () => new Promise((tell, refuse) => {
    const socket = new WebSocket(people.replace("http", "ws"));
    socket.onopen = () => tell("told");
    socket.onerror = refuse;
  }));
  const frame = document.createElement("iframe");
  frame.src = base + "/";
  document.body.append(frame);
  const place = document.createElement("iframe");
  place.name = "place";
  const sent = document.createElement("form");
  Object.assign(sent, {
    method: "POST", enctype: "multipart/form-data", action: base + "/api/enroll",
    target: "place"});
  const [field, files] = ["name", "photos"].map((name) =>
    Object.assign(document.createElement("input"), {name}));
  field.value = "Evil";
  files.type = "file";
  const held = new DataTransfer();
  held.items.add(new File([photo], "evil.png"));
  files.files = held.files;
  sent.append(field, files);
  document.body.append(place, sent);
  sent.submit();
  await new Promise((tell) => setTimeout(tell, 700));
  return learned;
}"""


class _Website(http.server.BaseHTTPRequestHandler):
    """Every address of it is an empty page."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body></body>")

    def log_message(self, *_):
        pass


@contextmanager
def website():
    """Gives the port of a website on this machine, under any of its names."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Website) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page's address with its token, and what its actions were asked to do."""
    with served_page(tmp_path_factory.mktemp("page")) as (address, actions):
        asked = []

        def noted(name):
            action = getattr(actions, name)

            @functools.wraps(action)
            def run(*given):
                asked.append(name)
                return action(*given)

            setattr(actions, name, run)

        noted("open")
        noted("enroll")
        yield address, actions, asked


@pytest.fixture(scope="module")
def visitor(page):
    """A browser that has the page open, where evil.example is this machine."""
    with headless_browser(
        "--host-resolver-rules=MAP evil.example 127.0.0.1",
        # Newer browsers ask before a website may reach this machine: not all do.
        "--disable-features=LocalNetworkAccessChecks",
    ) as browser:
        context = browser.new_context()
        own = context.new_page()
        own.goto(page[0])
        own.get_by_role("tab", name="People").wait_for()
        # What it asks for itself is no attack.
        own.wait_for_load_state("networkidle")
        yield context, own


def names(actions):
    with open_gallery(actions.gallery_folder) as gallery:
        return [person.name for person in gallery.people()]


def attacked_from(tab, where, base):
    tab.goto(where)
    assert tab.title() == "evil"
    learned = tab.evaluate(ATTACK, base)
    framed = [frame.content() for frame in tab.frames[1:]]
    assert not any("masked faces" in content.lower() for content in framed)
    return learned


@pytest.mark.parametrize("attacker", ["evil.example", "127.0.0.1", "x.localhost"])
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "x.localhost"])
def test_a_website_learns_and_changes_nothing(page, visitor, attacker, name):
    address, actions, asked = page
    context, _ = visitor
    asked.clear()
    port = address.partition("/?")[0].rpartition(":")[2]
    with website() as evil_port:
        tab = context.new_page()
        where = f"http://{attacker}:{evil_port}/"
        learned = attacked_from(tab, where, f"http://{name}:{port}")
        tab.close()
    opaque = {"opaque enroll", "opaque merge", "beacon"}
    # An answer that cannot be read is empty; all else fails.
    assert {learned.pop(each) for each in opaque} <= {"", "blocked"}
    assert set(learned.values()) == {"blocked"}
    assert asked == []
    assert names(actions) == ["Red"]


def test_a_name_that_comes_to_mean_this_machine_opens_nothing(page, visitor):
    address, actions, asked = page
    context, _ = visitor
    asked.clear()
    port = address.partition("/?")[0].rpartition(":")[2]
    base = f"http://evil.example:{port}"
    tab = context.new_page()
    # The page came from elsewhere, then the name was changed: one and the same
    # origin for the browser, so every answer can be read.
    evil = "<!doctype html><title>evil</title><body></body>"
    tab.route(
        f"{base}/evil",
        lambda route: route.fulfill(body=evil, content_type="text/html"),
    )
    learned = attacked_from(tab, f"{base}/evil", base)
    assert tab.goto(f"{base}/?{address.partition('?')[2]}").status == 403
    tab.close()
    refusal = "This page is for this machine alone.\n"
    assert learned["page"] == refusal
    assert {learned["list"], learned["api"]} == {
        '{"error":"This page is for this machine alone."}'
    }
    assert "Red" not in str(learned) and asked == []
    assert names(actions) == ["Red"]


def test_the_page_itself_may_do_all_that(page, visitor):
    # The last test: it shows that the attacks would work if they were let in.
    address, actions, asked = page
    _, own = visitor
    learned = own.evaluate(ATTACK, address.partition("/?")[0])
    assert learned["picture"] == learned["script"] == "told"
    assert "Red" in learned["list"]
    assert '"added":["evil.png"]' in learned["simple enroll"]
    assert learned["simple merge"].startswith('{"moved":1')
    assert '"left":[]' in learned["erase"]
    assert {"open", "enroll"} <= {*asked}
    # The beacon came last.
    assert names(actions) == ["Evil"]
