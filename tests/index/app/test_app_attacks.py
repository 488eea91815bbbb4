"""A browser that has the local page open visits a website that attacks it."""

import functools
import http.server
import threading
from contextlib import contextmanager

import pytest

from tests.fakes.served_page import headless_browser, served_page

pytest.importorskip("gradio", reason="the extra app is not installed")

# Gradio warns about itself and its pandas, in threads of its own.
pytestmark = pytest.mark.filterwarnings("ignore")

# What a website can try against an address. Each entry of the answer is what it
# learned; removals are seen in the gallery.
ATTACK = """async (base) => {
  const [PEOPLE, REMOVE] = [2, 3];
  const learned = {};
  const join = base + "/gradio_api/queue/join";
  const asked = (action, session, ...data) =>
    JSON.stringify({data, fn_index: action, session_hash: session});
  const events = (session) => base + "/gradio_api/queue/data?session_hash=" + session;
  const json = {"Content-Type": "application/json"};
  const patience = () =>
    new Promise((_, refuse) => setTimeout(() => refuse("too late"), 3000));
  const attempt = async (name, work) => {
    try { learned[name] = String(await Promise.race([work(), patience()])); }
    catch (error) { learned[name] = "blocked"; }
  };
  const read = async (path, options) =>
    (await fetch(path, {credentials: "include", ...options})).text();
  const post = async (session, options) => {
    const list = {method: "POST", body: asked(PEOPLE, session), ...options};
    await attempt(session + " list", async () =>
      await read(join, list) + await read(events(session)));
    const erase = {...list, body: asked(REMOVE, session, "Red", true)};
    await attempt(session + " remove", async () =>
      await read(join, erase) + await read(events(session)));
  };
  await attempt("page", () => read(base + "/"));
  await attempt("config", () => read(base + "/config"));
  await post("simple", {});
  await post("preflight", {headers: json});
  await post("opaque", {mode: "no-cors"});
  await post("token", {headers: {...json, "X-Token": "guessed"}});
  await attempt("beacon", async () =>
    navigator.sendBeacon(join, asked(REMOVE, "beacon", "Red", true)) && "");
  await attempt("events", () => new Promise((tell, refuse) => {
    const source = new EventSource(events("simple"), {withCredentials: true});
    source.onmessage = (event) => { source.close(); tell("told " + event.data); };
    source.onerror = () => { source.close(); refuse(); };
  }));
  await attempt("socket", () => new Promise((tell, refuse) => {
    const socket = new WebSocket(events("simple").replace("http", "ws"));
    socket.onopen = () => tell("told");
    socket.onerror = refuse;
  }));
  const loaded = (element, name, address) => new Promise((tell, refuse) => {
    element.onload = () => tell("told");
    element.onerror = refuse;
    element[name] = address;
    document.body.append(element);
  });
  await attempt("picture", () => loaded(
    document.createElement("img"), "src", base + "/favicon.ico"));
  const frame = document.createElement("iframe");
  frame.src = base + "/";
  document.body.append(frame);
  const place = document.createElement("iframe");
  place.name = "place";
  const form = document.createElement("form");
  Object.assign(form, {
    method: "POST", enctype: "text/plain", action: join, target: "place"});
  const field = document.createElement("input");
  field.name = asked(REMOVE, "form", "Red", true).slice(0, -1) + ', "rest": "';
  field.value = '"}';
  form.append(field);
  document.body.append(place, form);
  form.submit();
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

        noted("people")
        noted("remove")
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
        yield context, own


def attacked_from(tab, where, base):
    tab.goto(where)
    assert tab.title() == "evil"
    learned = tab.evaluate(ATTACK, base)
    framed = [frame.content() for frame in tab.frames[1:]]
    assert not any("gradio" in content.lower() for content in framed)
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
    opaque = {"opaque list", "opaque remove", "beacon"}
    # An answer that cannot be read is empty; all else fails.
    assert {learned.pop(each) for each in opaque} <= {"", "blocked"}
    assert set(learned.values()) == {"blocked"}
    assert asked == []
    assert [name for name, *_ in actions.people()] == ["Red"]


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
    assert {learned[name] for name in ("page", "config")} == {refusal}
    assert "Red" not in str(learned) and asked == []
    assert [name for name, *_ in actions.people()] == ["Red"]


def test_the_page_itself_may_do_all_that(page, visitor):
    # The last test: it shows that the attacks would work if they were let in.
    address, actions, asked = page
    _, own = visitor
    learned = own.evaluate(ATTACK, address.partition("/?")[0])
    assert learned["picture"] == "told"
    assert "Red" in learned["preflight list"]
    assert "Red and 1 photos were erased" in learned["preflight remove"]
    assert {"people", "remove"} <= {*asked}
    assert actions.people() == []
