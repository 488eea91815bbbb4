"""What the local page's server gives away, and to whom."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi", reason="the extra app is not installed")

import cli
from masking.errors import ToolkitError
from tests.fakes.faces_for_index import RED, draw_photo
from tests.fakes.served_page import served_page

httpx = pytest.importorskip("httpx2", reason="the extra dev is not installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page's address with its token, its actions and the folder of both."""
    folder = tmp_path_factory.mktemp("page")
    with served_page(folder) as (address, actions):
        yield address, actions, folder


@pytest.fixture(scope="module")
def own(page):
    """A client that holds the cookie, as the browser does."""
    base, _, token = page[0].partition("?")
    with httpx.Client(base_url=base, follow_redirects=True, timeout=20) as client:
        assert client.get(f"/?{token}").url == base
        yield client


# Requests that a browser would send for somebody else's page, or under a name that
# somebody else made resolve to this machine.
FOREIGN = [
    {"Host": "x.localhost:{port}", "Origin": "http://evil.example"},
    {"Host": "x.localhost:{port}"},
    {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
    {"Host": "evil.example"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site"},
    {"Cookie": ""},
    {"Authorization": "Bearer guessed"},
]


def names(client, **headers):
    return [one["name"] for one in client.get("/api/people", headers=headers).json()]


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
def test_a_foreign_page_sees_and_changes_nothing(own, foreign):
    port = str(own.base_url.port)
    headers = {name: text.format(port=port) for name, text in foreign.items()}
    assert names(own) == ["Red"]
    ways = ("/", "/page.js", "/api/people", "/api/people/Red/photos/1", "/api/nothing")
    for path in (*ways, "/api/openapi.json"):
        assert own.get(path, headers=headers).status_code == 403
    for method in ("DELETE", "PATCH", "OPTIONS"):
        answer = own.request(method, "/api/people/Red", headers=headers)
        assert answer.status_code == 403
    files = {"photos": ("a.png", b"1")}
    sent = own.post("/api/identify", files=files, headers=headers)
    assert sent.status_code == 403
    assert names(own) == ["Red"]


def test_a_program_brings_the_token_of_the_address(page):
    address, _, token = page[0].partition("/?token=")
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        people = client.get(f"{address}/api/people").json()
    assert [person["name"] for person in people] == ["Red"]


def test_nothing_of_the_workspace_is_served_but_cards(page, own, tmp_path):
    _, _, folder = page
    files = {"photos": ("probe.png", draw_photo(tmp_path / "p.png", RED).read_bytes())}
    (record,) = own.post("/api/identify", files=files, data={"cards": True}).json()
    card = Path(record["card"])
    shown = own.get(f"/api/cards/{card.name}")
    assert shown.content == card.read_bytes()
    link = card.with_name("link.png")
    link.symlink_to(folder / "workspace" / "gallery" / "gallery.sqlite")
    held = [path for path in (folder / "workspace").rglob("*") if path.is_file()]
    assert {"answers.jsonl", "gallery.sqlite"} <= {path.name for path in held}
    for path in (*held, "/etc/passwd", "../../red.png", "..%2F..%2Fred.png"):
        for way in ("/", "/api/cards/", "/api/example/", "/api/people/Red/photos/"):
            if path != card or way != "/api/cards/":
                assert own.get(f"{way}{path}").status_code in (400, 404)
    assert own.get("/api/cards/link.png").status_code == 404


def test_uploads_are_limited_whatever_length_they_state(page, own):
    there = HTTPConnection("127.0.0.1", own.base_url.port, timeout=20)
    cookie = "; ".join(f"{name}={value}" for name, value in own.cookies.items())
    headers = {
        "Content-Type": "multipart/form-data; boundary=edge",
        "Content-Length": str(2**29 + 1),
        "Cookie": cookie,
    }
    # The answer comes before any of the body was sent.
    there.putrequest("POST", "/api/identify")
    for name, value in headers.items():
        there.putheader(name, value)
    there.endheaders()
    answer = there.getresponse()
    assert (answer.status, answer.read()) == (
        413,
        b'{"error":"At most 512 MiB can be sent at once."}',
    )
    there.close()
    assert [*(page[2] / "dropped").iterdir()] == []


def test_a_port_that_is_taken_is_named(page):
    from index.app.api import Desk
    from index.app.examples import Examples
    from index.app.server import served

    where, _, token = page[0].partition("/?token=")
    assert where.startswith("http://127.0.0.1:") and len(token) >= 43
    taken = int(where.rpartition(":")[2])
    desk = Desk(page[1], Examples(page[1]))
    with (
        pytest.raises(ToolkitError, match=f"port {taken} .* Choose another one"),
        served(desk, taken),
    ):
        pass


def test_the_page_answers_while_a_photo_is_looked_at(page, own, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_):
        begun.set()
        assert go_on.wait(20)
        return []

    monkeypatch.setattr(page[1], "identify", slow)
    order = []

    def ask(way, **sent):
        order.append((way, own.request(way, "/api/people", **sent).status_code))

    def look():
        files = {"photos": ("a.png", b"1")}
        order.append(("identify", own.post("/api/identify", files=files).status_code))

    threads = [threading.Thread(target=look)]
    threads[0].start()
    assert begun.wait(20)
    assert own.get("/").status_code == 200
    # What needs the gallery waits for its turn.
    threads.append(threading.Thread(target=ask, args=("GET",)))
    threads[1].start()
    assert order == []
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert sorted(order) == [("GET", 200), ("identify", 200)]


def test_the_end_gives_up_what_waits_without_a_word(tmp_path, monkeypatch, capfd):
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_):
        begun.set()
        go_on.wait(20)
        return []

    def ask(address):
        base, _, token = address.partition("/?token=")
        headers = {"Authorization": f"Bearer {token}"}
        files = {"photos": ("a.png", b"1")}
        with contextlib.suppress(httpx.TransportError):
            httpx.post(f"{base}/api/identify", files=files, headers=headers)

    with served_page(tmp_path) as (address, actions):
        monkeypatch.setattr(actions, "identify", slow)
        threads = [threading.Thread(target=ask, args=(address,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert begun.wait(20)
        # The others wait for their turn.
        time.sleep(0.5)
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert capfd.readouterr().err == ""


def test_the_script_of_the_docs_identifies(page, tmp_path):
    pytest.importorskip("requests", reason="requests is not installed")
    text = (Path(cli.__file__).parent / "docs" / "app.md").read_text()
    (script,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "ask.py").write_text(script)
    probe = draw_photo(tmp_path / "probe.png", RED)
    command = [sys.executable, tmp_path / "ask.py", page[0], probe]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.startswith(f"{probe} match Red ")
    command[2] = f"{page[0]}x"
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr.startswith("Open the address that")


def test_other_accounts_do_not_see_the_token_where_programs_are_listed(
    tmp_path, monkeypatch
):
    from index.app import server as app_server

    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    address = "http://127.0.0.1:7860/?token=secret"
    app_server.open_in_browser(address, tmp_path)
    (way,) = opened
    assert "secret" not in way
    assert address in Path(urlsplit(way).path).read_text()


def test_the_command_serves_and_leaves_no_photos_behind(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, cli.__file__, "app", "--port", "0", "--no-browser"]
    running = subprocess.Popen(
        [*command, "--workspace", tmp_path / "workspace"],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = running.stdout.readline().partition(" ")[0]
    with httpx.Client(follow_redirects=True, timeout=20) as client:
        where = client.get(address).url
        photo = draw_photo(tmp_path / "own.png").read_bytes()
        files = {"photo": ("own.png", photo)}
        answer = client.post(where.join("api/faces"), files=files)
        assert answer.json()["faces"] == []
    assert len(list(temporary.glob("masked-faces-*"))) == 1
    running.terminate()
    _, told = running.communicate(timeout=30)
    assert (running.returncode, "Traceback" in told) == (130, False)
    assert list(temporary.iterdir()) == []
