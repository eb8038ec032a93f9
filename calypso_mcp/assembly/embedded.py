"""The embedded Calypso inside this process: started by the first request, reached without a port."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
import httpx2
from anyio.abc import TaskGroup, TaskStatus

from calypso_mcp.assembly.in_process import call

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from calypso_mcp.local.options import LocalOptions

#: Base URL of the embedded API for clients in this process; never resolved, never on the network.
EMBEDDED_BASE_URL = "http://calypso.localhost/v1"

_log = logging.getLogger(__name__)


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
            _log.exception("The embedded Calypso stopped; the next request starts it again")
        finally:
            self._running = None
