"""The local page's server: Gradio behind the guard, and only the routes it needs."""

from __future__ import annotations

import re
import secrets
import socket
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from index.app.guard import AppGuard
from masking.errors import ToolkitError

# Of one request: as many photos as somebody drops at once; and of one photo.
_MOST_BYTES = 512 * 2**20
_MOST_FILE_BYTES = 64 * 2**20
# What Gradio's page asks for. Left out are its descriptions of itself, calls by
# name, and all that makes this machine fetch an address.
_ROUTES = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)"
    r"|/(assets|static|svelte)/.*"
    r"|/gradio_api/(queue/(join|data)|upload|upload_progress|cancel|reset|theme\.css"
    r"|startup-events|app_id|heartbeat/\w+|file=(?!\w+:).*)"
)
# Streams of events never end by themselves.
_PATIENCE_S = 1


@contextmanager
def served(page: gr.Blocks, theme: gr.Theme, css: str, port: int) -> Iterator[str]:
    """Serve a page to this account alone; gives the address that opens it.

    Args:
        port: 0 takes a free one.

    Raises:
        ToolkitError: the port is taken.
    """
    listener = _listener(port)
    with listener:
        port = listener.getsockname()[1]
        guard = AppGuard(
            _mounted(page, theme, css), port, secrets.token_urlsafe(32), _MOST_BYTES
        )
        config = uvicorn.Config(
            guard,
            log_level="error",
            ws="none",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_PATIENCE_S,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield guard.address
        finally:
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


def _mounted(page: gr.Blocks, theme: gr.Theme, css: str) -> ASGIApp:
    app = gr.mount_gradio_app(
        Starlette(),
        page,
        "/",
        app_kwargs={"openapi_url": None, "docs_url": None, "redoc_url": None},
        # What is thought of as a mistake of ours may hold anything, HTML too.
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        theme=theme,
        css=css,
        max_file_size=_MOST_FILE_BYTES,
    )
    # Only then does Gradio check that a file is one that was dropped on the page.
    page.has_launched = True

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _ROUTES.fullmatch(scope["path"]):
            await PlainTextResponse("Not found.\n", 404)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return routed
