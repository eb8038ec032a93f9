"""Calls an ASGI app in this process as a server would call it, without a port.

With every request, the HTTP library's own transport for this looks for an event loop that is not installed,
which costs more than the rest of the call.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

import httpx2

from calypso_mcp.errors import CalypsoError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

_log = logging.getLogger(__name__)

_SERVER_ERROR = 500


async def call(app: ASGIApp, request: httpx2.Request) -> httpx2.Response:
    """Return the app's answer to `request`, read whole; 500 if the app failed before it began one."""
    url = request.url
    path, _, query = url.raw_path.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": path,
        "query_string": query,
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 0),
        "root_path": "",
    }
    exchange = _Exchange(request)
    try:
        await app(scope, exchange.receive, exchange.send)
    except Exception:  # noqa: BLE001 - a server answers 500 to any
        # The app has answered and logged whatever it knows of; this is a fault of its framework.
        if exchange.status is None:
            _log.exception("A request failed in this process")
    return httpx2.Response(
        exchange.status or _SERVER_ERROR, headers=exchange.headers, content=b"".join(exchange.body)
    )


class _Exchange:
    """One request on its way in, and its answer on its way out."""

    def __init__(self, request: httpx2.Request) -> None:
        # An async client sends no other stream.
        self._pieces = aiter(cast("httpx2.AsyncByteStream", request.stream))
        self._has_sent_all = False
        self._is_over = asyncio.Event()
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []

    async def receive(self) -> Message:
        if self._has_sent_all:
            await self._is_over.wait()
            return {"type": "http.disconnect"}
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._has_sent_all = True
            return {"type": "http.request", "body": b"", "more_body": False}
        except CalypsoError:
            # If the source of a body fails, a server sees the client go away.
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._is_over.set()
