"""The guard passes on what the page itself sends, and nothing else."""

import pytest

pytest.importorskip("starlette", reason="the extra app is not installed")

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from index.app.guard import AppGuard

TOKEN = "the-token-of-this-run"
OWN = {"Host": "127.0.0.1:7860", "Cookie": f"masked-faces-7860={TOKEN}"}
CARD = "A name and a distance"


async def people(scope, receive, send):
    """An app that reads what it is sent, and tells about people."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": CARD})
        return
    try:
        await Request(scope, receive).body()
    except Exception:
        # As FastAPI does: whatever goes wrong with a body is the sender's fault.
        await PlainTextResponse("broken body", 400)(scope, receive, send)
        return
    await PlainTextResponse(CARD)(scope, receive, send)


@pytest.fixture
def client():
    guard = AppGuard(people, 7860, TOKEN, 1000)
    return TestClient(guard, follow_redirects=False)


def refused(answer):
    return answer.status_code == 403 and CARD not in answer.text


def test_the_page_itself_is_answered(client):
    for host in ("127.0.0.1:7860", "localhost:7860"):
        own = OWN | {"Host": host}
        assert client.get("/people", headers=own).text == CARD
        for site in ("same-origin", "none"):
            sent = own | {"Origin": f"http://{host}", "Sec-Fetch-Site": site}
            assert client.post("/remove", headers=sent, content=b"1").text == CARD


@pytest.mark.parametrize(
    "host",
    [
        "x.localhost:7860",
        "evil.example:7860",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:7861",
        "localhost",
        "127.0.0.1.evil.example:7860",
        "[::1]:7860",
        "0.0.0.0:7860",
        "127.0.0.1:7860@evil.example",
        "",
    ],
)
def test_other_names_of_this_machine_are_refused(client, host):
    assert refused(client.get("/people", headers=OWN | {"Host": host}))
    # Not even the token helps: it would be given to whoever owns that name.
    answer = client.get(f"/?token={TOKEN}", headers={"Host": host})
    assert refused(answer) and "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://x.localhost:7860",
        "http://127.0.0.1:8000",
        "https://127.0.0.1:7860",
        "http://127.0.0.1:7860.evil.example",
        "null",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_other_origins_are_refused(client, origin, method):
    answer = client.request(method, "/people", headers=OWN | {"Origin": origin})
    assert refused(answer)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_page_elsewhere_makes_a_browser_load_is_refused(client, site):
    # A picture of another port of this machine: no origin, and the cookie is sent.
    assert refused(client.get("/card.png", headers=OWN | {"Sec-Fetch-Site": site}))


def test_hosts_and_origins_are_named_once(client):
    twice = [*OWN.items(), ("Host", "evil.example")]
    assert refused(client.get("/people", headers=twice))
    origins = [("Origin", "http://127.0.0.1:7860"), ("Origin", "http://evil.example")]
    assert refused(client.get("/people", headers=[*OWN.items(), *origins]))


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "masked-faces-7860=",
        "masked-faces-7860=wrong",
        f"masked-faces-7860={TOKEN}x",
        f"masked-faces-7861={TOKEN}",
        f"other={TOKEN}",
        "masked-faces-7860=\xe9",
    ],
)
def test_without_the_cookie_nothing_answers(client, cookie):
    headers = {"Host": OWN["Host"], "Cookie": cookie.encode("latin-1")}
    for path in ("/", "/people", "/?token=wrong", "/?token=", "/?token=%ff"):
        answer = client.get(path, headers=headers)
        assert refused(answer) and "set-cookie" not in answer.headers
    assert refused(client.get(f"/people?token={TOKEN}", headers=headers))
    assert refused(client.post(f"/?token={TOKEN}", headers=headers))


def test_programs_bring_the_token_in_a_header(client):
    host = {"Host": OWN["Host"]}
    bearer = host | {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/api/people", headers=bearer).text == CARD
    for wrong in (f"Bearer {TOKEN}x", "Bearer ", "Bearer", f"Basic {TOKEN}", TOKEN):
        answer = client.get("/api/people", headers=host | {"Authorization": wrong})
        assert refused(answer)
    # The cookie does not make up for a wrong token, nor the token for a website.
    assert refused(client.get("/", headers=OWN | {"Authorization": "Bearer x"}))
    for site in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example:7860"},
    ):
        assert refused(client.get("/api/people", headers=bearer | site))


def test_programs_are_told_in_json(client):
    answers = [
        client.get("/api/people"),
        client.get("/api/people", headers={"Host": OWN["Host"]}),
        client.post("/api/enroll", headers=OWN, content=b"1" * 1001),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 413]
    for answer in answers:
        assert [*answer.json()] == ["error"]


def test_the_address_is_exchanged_for_the_cookie(client):
    guard = AppGuard(people, 7860, TOKEN, 1000)
    assert guard.address == f"http://127.0.0.1:7860/?token={TOKEN}"
    answer = client.get(guard.address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie, *kinds = answer.headers["set-cookie"].split("; ")
    assert cookie == OWN["Cookie"]
    assert {kind.lower() for kind in kinds} >= {"httponly", "samesite=strict", "path=/"}


def test_a_link_elsewhere_opens_the_page_as_well(client):
    sent = {"Host": OWN["Host"], "Sec-Fetch-Site": "cross-site"}
    answer = client.get(f"/?token={TOKEN}", headers=sent)
    assert (answer.status_code, answer.headers["refresh"]) == (200, "0; url=/")
    assert answer.headers["set-cookie"].startswith(OWN["Cookie"])


def test_every_answer_forbids_frames_and_guessing(client):
    answers = [
        client.get("/people", headers=OWN),
        client.get("/people"),
        client.get(f"/?token={TOKEN}", headers=OWN),
        client.post("/upload", headers=OWN, content=b"1" * 1001),
    ]
    assert [answer.status_code for answer in answers] == [200, 403, 303, 413]
    for answer in answers:
        rules = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'"} <= {*rules}
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_bodies_are_limited(client):
    def chunks(count):
        yield from [b"1" * 100] * count

    for fits in (b"1" * 1000, chunks(10)):
        assert client.post("/upload", headers=OWN, content=fits).text == CARD
    for large in (b"1" * 1001, chunks(11), chunks(200)):
        answer = client.post("/upload", headers=OWN, content=large)
        assert answer.status_code == 413
        assert "broken body" not in answer.text
    lies = OWN | {"Content-Length": "1e9"}
    assert client.post("/upload", headers=lies, content=b"").status_code == 413


def test_websockets_are_guarded_as_well(client):
    with client.websocket_connect("/", headers=OWN) as socket:
        assert socket.receive_text() == CARD
    for wrong in (
        {"Host": "evil.example:7860"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Cookie": "masked-faces-7860=wrong"},
    ):
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/", headers=OWN | wrong) as socket,
        ):
            socket.receive_text()


def test_the_port_that_browsers_leave_out():
    client = TestClient(AppGuard(people, 80, TOKEN, 1000))
    own = {"Host": "127.0.0.1", "Cookie": f"masked-faces-80={TOKEN}"}
    assert client.get("/people", headers=own).text == CARD
