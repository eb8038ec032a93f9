"""The embedded Calypso inside this process: started by the first request, reached without a port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import anyio
import httpx2
from anyio.abc import TaskGroup, TaskStatus

from calypso_mcp.errors import CalypsoError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

    from calypso_mcp.local.options import LocalOptions


#: Base URL of the embedded API for clients in this process; never resolved, never on the network.
EMBEDDED_BASE_URL = "http://calypso.localhost/v1"

logger = logging.getLogger(__name__)
_SERVER_ERROR = 500


class EmbeddedTransport(httpx2.AsyncBaseTransport):
    """Hands requests to an embedded Calypso that starts when the first one arrives.

    Starting takes longer than a client should wait for the handshake, and many sessions never ask for
    anything. One transport serves API requests and upload addresses alike, for every client of the process.
    """

    def __init__(self, tasks: TaskGroup, options: Callable[[], LocalOptions]) -> None:
        """Start nothing yet; `tasks` must outlive every request, and the first one asks for the `options`."""
        self._tasks = tasks
        self._options = options
        self._starting = anyio.Lock()
        self._running: ASGIApp | None = None
        self._has_run = False
        self._stop = anyio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Start the backend if it does not run, then let it answer."""
        running = self._running
        if running is None:
            async with self._starting:
                running = self._running or await self._tasks.start(self._run)
        return await call(running, request)

    async def aclose(self) -> None:
        """Do nothing: clients come and go, `stop` ends the backend with the process."""

    def stop(self) -> None:
        """Let the backend finish what it is writing and end."""
        self._stop.set()

    async def _run(self, *, task_status: TaskStatus[ASGIApp]) -> None:
        from calypso_mcp.local.app import open_backend

        started = False
        try:
            # What vanished while it was in use must not come back as an empty store.
            async with open_backend(self._options(), must_exist=self._has_run) as app:
                self._has_run = True
                self._running = app
                task_status.started(app)
                started = True
                await self._stop.wait()
        except Exception:
            if not started:
                raise  # reaches the request that asked for the start
            logger.exception("The embedded Calypso stopped; the next request starts it again")
        finally:
            self._running = None


async def call(app: ASGIApp, request: httpx2.Request) -> httpx2.Response:
    """Return the app's answer to `request`, read whole; 500 if the app failed before it began one.

    With every request, the HTTP library's own transport for this looks for an event loop that is not
    installed, which costs more than the rest of the call.
    """
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
    except Exception:
        # The app has answered and logged whatever it knows of; this is a fault of its framework.
        if exchange.status is None:
            logger.exception("A request failed in this process")
    return httpx2.Response(
        exchange.status or _SERVER_ERROR,
        headers=exchange.headers,
        stream=httpx2.ByteStream(b"".join(exchange.body)),
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
