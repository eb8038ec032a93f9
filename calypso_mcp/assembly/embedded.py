"""The embedded Calypso inside this process: started by the first request, reached without a port."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import anyio
import httpx2
from anyio.abc import TaskGroup, TaskStatus

from calypso_mcp.errors import CalypsoError

if TYPE_CHECKING:
    from calypso_mcp.local.app import LocalOptions

#: Base URL of the embedded API for clients in this process; never resolved, never on the network.
EMBEDDED_BASE_URL = "http://calypso.localhost/v1"

_log = logging.getLogger(__name__)


class EmbeddedTransport(httpx2.AsyncBaseTransport):
    """Hands requests to an embedded Calypso that starts when the first one arrives.

    Starting takes longer than a client should wait for the handshake, and many sessions never ask for
    anything. One transport serves API requests and upload addresses alike, for every client of the process.
    """

    def __init__(self, tasks: TaskGroup, options: Callable[[], LocalOptions]) -> None:
        """Prepare without starting anything.

        Args:
            tasks: Where the backend's worker runs; must outlive every request.
            options: Asked for when the first request arrives.
        """
        self._tasks = tasks
        self._options = options
        self._starting = anyio.Lock()
        self._running: httpx2.ASGITransport | None = None
        self._has_run = False
        self._stop = anyio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Start the backend if it does not run, then let it answer."""
        running = self._running
        if running is None:
            async with self._starting:
                running = self._running or await self._tasks.start(self._run)
        if isinstance(request.stream, httpx2.AsyncByteStream):
            request.stream = _Body(request.stream)
        return await running.handle_async_request(request)

    async def aclose(self) -> None:
        """Do nothing: clients come and go, `stop` ends the backend with the process."""

    def stop(self) -> None:
        """Let the backend finish what it is writing and end."""
        self._stop.set()

    async def _run(self, *, task_status: TaskStatus[httpx2.ASGITransport]) -> None:
        from calypso_mcp.local.app import open_backend

        started = False
        try:
            # What vanished while it was in use must not come back as an empty store.
            async with open_backend(self._options(), must_exist=self._has_run) as app:
                self._has_run = True
                self._running = httpx2.ASGITransport(app, raise_app_exceptions=False)
                task_status.started(self._running)
                started = True
                await self._stop.wait()
        except Exception:
            if not started:
                raise  # reaches the request that asked for the start
            _log.exception("The embedded Calypso stopped; the next request starts it again")
        finally:
            self._running = None


class _Body(httpx2.AsyncByteStream):
    """A request's body as a server would see it: where its source fails, the client has gone away."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        from starlette.requests import ClientDisconnect

        try:
            async for piece in self._stream:
                yield piece
        except CalypsoError as error:
            raise ClientDisconnect from error
