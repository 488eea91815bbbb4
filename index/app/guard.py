"""Who may speak to the local page: one browser of this account, and no website.

Any website that is open in a browser can send requests to this machine, under any
name that it makes resolve to it, and so can every other account of the machine.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Sent with every answer. Names of people and their photos are shown in it.
_HEADERS = {
    # The page is made of its own files alone, and text in it never becomes a script.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self' blob:; media-src blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# What a browser says of requests that no other page caused (Fetch Metadata, W3C).
_OWN_SITES = ("same-origin", "none")


class _TooLarge(Exception):
    """A body of unknown length went over the limit."""


class AppGuard:
    """Passes on to an app only what its own page sends; all else gets 403.

    A request must name this machine and port (`Host`), come from no other page
    (`Origin`, `Sec-Fetch-Site`) and hold the token of the run in a cookie, or, of a
    program, as `Authorization: Bearer TOKEN`. `address` is exchanged for the cookie.
    """

    def __init__(self, app: ASGIApp, port: int, token: str, most_bytes: int):
        """Guard an app.

        Args:
            port: where it is served, on 127.0.0.1.
            token: of this run; ASCII, unguessable.
            most_bytes: of a request's body; a larger one gets 413.
        """
        # Browsers leave out the port that http has anyway.
        suffix = "" if port == 80 else f":{port}"
        self.address = f"http://127.0.0.1{suffix}/?token={token}"
        self._app = app
        self._hosts = {f"127.0.0.1{suffix}", f"localhost{suffix}"}
        self._origins = {f"http://{host}" for host in self._hosts}
        self._token = token
        self._most_bytes = most_bytes
        # Cookies are shared by all ports: two pages must not take each other's.
        self._cookie = f"masked-faces-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI defines it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            if self._is_own(scope) and self._has_token(scope):
                await self._app(scope, receive, send)
            else:
                # Before it is accepted, closing a WebSocket answers 403.
                await send({"type": "websocket.close", "code": 1008})
        else:
            await self._http(scope, receive, _with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._refusal(scope)
        if answer is None:
            await self._limited(scope, receive, send)
        else:
            await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        """What is answered instead of the app; None if it may answer."""
        if not self._names_this_machine(scope):
            return _refused(scope, 403, "This page is for this machine alone.")
        if self._brings_token(scope):
            return self._welcome(scope)
        if not (self._is_own(scope) and self._has_token(scope)):
            return _refused(
                scope,
                403,
                "Open the address that the program printed, token and all.",
            )
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most_bytes:
            return self._too_large(scope)
        return None

    def _names_this_machine(self, scope: Scope) -> bool:
        """Whether host and origin, if there is one, are the page's own addresses."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        return (
            len(hosts) == 1 and hosts[0] in self._hosts and self._origins >= {*origins}
        )

    def _is_own(self, scope: Scope) -> bool:
        """Whether no other page caused the request, not even on another port."""
        sites = Headers(scope=scope).getlist("sec-fetch-site")
        return self._names_this_machine(scope) and {*sites} <= {*_OWN_SITES}

    def _has_token(self, scope: Scope) -> bool:
        request = HTTPConnection(scope)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._is_token(token)
        return self._is_token(request.cookies.get(self._cookie, ""))

    def _brings_token(self, scope: Scope) -> bool:
        if scope["method"] != "GET" or scope["path"] != "/":
            return False
        query = parse_qs(scope["query_string"].decode("latin-1"))
        return self._is_token(query.get("token", [""])[0])

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _welcome(self, scope: Scope) -> Response:
        """The cookie, and the way to the address without the token."""
        site = Headers(scope=scope).get("sec-fetch-site", "none")
        if site in _OWN_SITES:
            answer = Response(status_code=303, headers={"Location": "/"})
        else:
            # Opened by a link elsewhere: the cookie would be withheld from a
            # redirect, but not from what this page does next.
            answer = Response(status_code=200, headers={"Refresh": "0; url=/"})
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
        return answer

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer, unless the body turns out to be too large."""
        left = self._most_bytes
        answered = False

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _TooLarge
            return message

        async def passed(message: Message) -> None:
            nonlocal answered
            # What the app makes of the broken body is of no interest.
            if left >= 0 or answered:
                answered = True
                await send(message)

        try:
            await self._app(scope, counted, passed)
        except Exception:
            if left >= 0:
                raise
        if left < 0 and not answered:
            await self._too_large(scope)(scope, receive, send)

    def _too_large(self, scope: Scope) -> Response:
        most = self._most_bytes // 2**20
        answer = _refused(scope, 413, f"At most {most} MiB can be sent at once.")
        # The rest of the body is not read.
        answer.headers["Connection"] = "close"
        return answer


def _refused(scope: Scope, status: int, text: str) -> Response:
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": text}, status)
    return PlainTextResponse(f"{text}\n", status)


def _with_headers(send: Send) -> Send:
    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return headed
