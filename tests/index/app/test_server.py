"""What the local page's server gives away, and to whom."""

import json
import os
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import cli
from tests.fakes.faces_for_index import RED, draw_photo
from tests.fakes.served_page import served_page

pytest.importorskip("gradio", reason="the extra app is not installed")

# Gradio warns about itself and its pandas, in threads of its own.
pytestmark = pytest.mark.filterwarnings("ignore")


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


# The page's actions, in the order that they are made.
IDENTIFY, ENROLL, PEOPLE, REMOVE, MASK = range(5)
# Requests that a browser would send for somebody else's page, or under a name that
# somebody else made resolve to this machine.
STRANGERS = [
    {"Host": "x.localhost:{port}", "Origin": "http://evil.example"},
    {"Host": "x.localhost:{port}"},
    {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
    {"Host": "evil.example"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site"},
    {"Cookie": ""},
]


def ask(client, action, *given, **headers):
    """Start an action of the page; its last event, or the status of a refusal."""
    body = {"data": given, "fn_index": action, "session_hash": "session"}
    joined = client.post("/gradio_api/queue/join", json=body, headers=headers)
    if joined.status_code != 200:
        return joined.status_code
    with client.stream("GET", "/gradio_api/queue/data?session_hash=session") as events:
        for line in events.iter_lines():
            event = json.loads(line.removeprefix("data:")) if line else {}
            if event.get("msg") == "process_completed":
                return event["output"]
    raise AssertionError("no answer")


def names(answer):
    return [row[0] for row in answer["data"][0]["data"]]


def upload(client, photo):
    """A photo as the page describes it once it was dropped on it."""
    files = {"files": (photo.name, photo.read_bytes())}
    (path,) = client.post("/gradio_api/upload", files=files).json()
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("impostor", STRANGERS, ids=str)
def test_a_impostor_sees_and_changes_nothing(page, own, impostor):
    port = str(own.base_url.port)
    headers = {name: text.format(port=port) for name, text in impostor.items()}
    assert names(ask(own, PEOPLE)) == ["Red"]
    for path in ("/", "/config", "/assets/index.js", "/gradio_api/queue/data"):
        assert own.get(path, headers=headers).status_code == 403
    assert ask(own, PEOPLE, **headers) == 403
    assert ask(own, REMOVE, "Red", True, **headers) == 403
    files = {"files": ("a.png", b"1")}
    sent = own.post("/gradio_api/upload", files=files, headers=headers)
    assert sent.status_code == 403
    assert [name for name, *_ in page[1].people()] == ["Red"]


def test_nothing_of_the_workspace_is_served_but_copies_of_cards(page, own, tmp_path):
    _, _, folder = page
    photo = upload(own, draw_photo(tmp_path / "probe.png", RED))
    cards, text = ask(own, IDENTIFY, photo, False)["data"]
    assert text.startswith("probe.png: Red (")
    card = httpx.URL(cards[0]["image"]["url"]).path
    assert own.get(card).headers["content-type"] == "image/png"
    assert card.startswith(f"/gradio_api/file={folder / 'dropped'}/")

    workspace = folder / "workspace"
    (folder / "dropped" / "link").symlink_to(workspace / "gallery")
    files = [path for path in workspace.rglob("*") if path.is_file()]
    assert {"answers.jsonl", "gallery.sqlite"} <= {path.name for path in files}
    ways = [*files, folder / "dropped" / ".." / "red.png", "/etc/passwd", "cli.py"]
    for path in ways:
        assert own.get(f"/gradio_api/file={path}").status_code == 403


def test_an_action_reads_only_what_was_dropped_on_the_page(page, own):
    photo = {"path": str(page[2] / "red.png"), "meta": {"_type": "gradio.FileData"}}
    assert "data" not in ask(own, IDENTIFY, photo, False)


def test_nothing_describes_itself_or_fetches_addresses(own):
    for path in (
        *("openapi.json", "docs", "redoc", "gradio_api/info", "gradio_api/info/"),
        *("gradio_api/openapi.json", "gradio_api/docs", "gradio_api/call/people"),
        *("gradio_api/run/remove", "gradio_api/api/remove", "monitoring"),
        *("gradio_api/vibe-code", "gradio_api/runs", "gradio_api/deep_link"),
        "gradio_api/proxy=http://127.0.0.1/",
        "gradio_api/file=http://127.0.0.1/",
        "gradio_api/file=HTTPS://127.0.0.1/",
    ):
        assert own.get(f"/{path}").status_code == 404
        assert own.post(f"/{path}", json={"data": []}).status_code == 404
    visible = own.get("/config").json()["dependencies"]
    assert {each["api_visibility"] for each in visible} == {"private"}


def test_uploads_are_limited_whatever_length_they_state(page, own):
    left = set((page[2] / "dropped").rglob("*"))

    def large():
        head = 'Content-Disposition: form-data; name="files"; filename="a.png"'
        yield f"--edge\r\n{head}\r\n\r\n".encode()
        yield from [b"1" * 2**20] * 65

    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    try:
        sent = own.post("/gradio_api/upload", content=large(), headers=kind)
        assert sent.status_code == 413
    except httpx.TransportError:
        # The connection was closed before the answer could be read.
        pass
    # The answer comes before any of the body was sent.
    there = HTTPConnection("127.0.0.1", own.base_url.port, timeout=20)
    cookie = "; ".join(f"{name}={value}" for name, value in own.cookies.items())
    length = {"Content-Length": str(2**29 + 1), "Cookie": cookie}
    there.putrequest("POST", "/gradio_api/upload")
    for name, value in (kind | length).items():
        there.putheader(name, value)
    there.endheaders()
    assert there.getresponse().status == 413
    there.close()
    assert set((page[2] / "dropped").rglob("*")) == left


def test_other_accounts_do_not_see_the_token_where_programs_are_listed(
    tmp_path, monkeypatch
):
    from index.app import server as app_server

    opened = []
    monkeypatch.setattr(app_server.webbrowser, "open", opened.append)
    address = "http://127.0.0.1:7860/?token=secret"
    app_server.open_in_browser(address, tmp_path)
    (way,) = opened
    assert "secret" not in way
    assert address in Path(urlsplit(way).path).read_text()


def test_the_command_leaves_no_photos_behind(tmp_path):
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
        files = {"files": ("own.png", b"1")}
        client.post(where.join("gradio_api/upload"), files=files).raise_for_status()
    assert len(list(temporary.rglob("own.png"))) == 1
    running.terminate()
    _, told = running.communicate(timeout=30)
    assert (running.returncode, "Traceback" in told) == (130, False)
    assert list(temporary.glob("masked-faces-*")) == []
