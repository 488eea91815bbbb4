"""The local page's server: its files and its API behind the guard."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from index.app.api import Desk, router
from index.app.guard import AppGuard
from index.app.words import EMBED, in_page_words
from masking.errors import (
    BadRecord,
    EmbedderMismatch,
    MissingInput,
    NameTaken,
    ToolkitError,
)

# Of one request: as many photos as somebody drops at once, or a video.
_MOST_BYTES = 512 * 2**20
# What was begun when the page ends is waited for so long.
_PATIENCE_S = 1
_STATIC = Path(__file__).parent / "static"
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# The first that fits; 400 for all others.
_STATUSES: tuple[tuple[type[ToolkitError], int], ...] = (
    (NameTaken, 409),
    (EmbedderMismatch, 409),
    (MissingInput, 404),
    (BadRecord, 500),
)


def page_app(desk: Desk) -> FastAPI:
    """The page and its API, unguarded."""
    # Descriptions that draw themselves are fetched from elsewhere: only the plain one.
    app = FastAPI(
        title="Masked faces",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.desk = desk
    app.include_router(router)
    for file in sorted(_STATIC.iterdir()):
        _serve(app, file)
    app.add_exception_handler(ToolkitError, _told)
    app.add_exception_handler(RequestValidationError, _told)
    app.add_exception_handler(HTTPException, _told)
    return app


def _serve(app: FastAPI, file: Path) -> None:
    content = file.read_bytes()

    async def answer() -> Response:
        return Response(content, media_type=_KINDS[file.suffix])

    way = "/" if file.name == "index.html" else f"/{file.name}"
    app.add_api_route(way, answer, include_in_schema=False)


async def _told(request: Request, error: Exception) -> Response:
    """What was wrong, in one sentence."""
    if isinstance(error, HTTPException):
        said = f"{request.method} {request.url.path}: {error.detail}."
        return JSONResponse({"error": said}, error.status_code, error.headers)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return JSONResponse({"error": f"{where}: {first['msg']}."}, 400)
    fits = (status for kind, status in _STATUSES if isinstance(error, kind))
    told = {"error": in_page_words(str(error))}
    if EMBED in told["error"].lower():
        told["remedy"] = "embed"
    return JSONResponse(told, next(fits, 400))


@contextmanager
def served(desk: Desk, port: int) -> Iterator[str]:
    """Serve the page to this account alone; gives the address that opens it.

    Args:
        port: 0 takes a free one.

    Raises:
        ToolkitError: the port is taken.
    """
    listener = _listener(port)
    with listener:
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe(32)
        guard = AppGuard(page_app(desk), port, token, _MOST_BYTES)
        config = uvicorn.Config(
            guard,
            log_level="error",
            ws="none",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_PATIENCE_S,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        desk.start()
        try:
            yield guard.address
        finally:
            # Requests that are given up from here on are no faults to tell of.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
            desk.stop()
            server.should_exit = True
            thread.join(5 * _PATIENCE_S)


def open_in_browser(address: str, folder: Path) -> None:
    """Show an address without saying it to other accounts of the machine.

    They can read what programs are started with, so the browser is given a private
    file that leads to the address.

    Args:
        folder: private to this account.
    """
    way = folder / "open.html"
    way.write_text(f'<meta http-equiv="refresh" content="0; url={address}">')
    webbrowser.open(way.as_uri())


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        # A port whose last connections are still closing can be used again.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ToolkitError(
            f"port {port} of 127.0.0.1 cannot be used ({error.strerror}). Choose "
            "another one with --port."
        ) from error
    return listener
