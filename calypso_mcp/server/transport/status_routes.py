"""Routes for the operator: liveness, readiness of the backend, and metrics."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.errors import CalypsoError
from calypso_mcp.server.access.credentials import grant_of_http, grant_of_user
from calypso_mcp.server.access.gate import LIVENESS_PATH
from calypso_mcp.server.metrics import CONTENT_TYPE, Metrics
from calypso_mcp.server.state import ServerState

READINESS_PATH = "/readyz"
METRICS_PATH = "/metrics"
#: How long an answer about readiness is reused, in seconds: probes must not become load on the API.
_READY_FOR_S = 5.0
_CHECK_S = 10.0
_MOST_KEYS = 1_000


def status_routes(state: ServerState, metrics: Metrics | None) -> list[Route]:
    """Return `/healthz`, `/readyz` and, where calls are counted, `/metrics`."""
    routes = [
        Route(LIVENESS_PATH, _alive, methods=["GET"]),
        Route(READINESS_PATH, Readiness(state).answer, methods=["GET"]),
    ]
    if metrics is not None:
        routes.append(Route(METRICS_PATH, _shown(metrics), methods=["GET"]))
    return routes


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})


class Readiness:
    """Whether the API can be reached with the caller's key. Says yes or no, never why."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._known: dict[str, tuple[float, bool]] = {}
        self._asking = anyio.Lock()

    async def answer(self, request: Request) -> Response:
        """Answer 200 when it can, 503 when it cannot."""
        grant = grant_of_http(request)
        async with self._asking:
            asked_at, is_ready = self._known.get(grant.key_reference, (float("-inf"), False))
            if time.monotonic() - asked_at >= _READY_FOR_S:
                is_ready = await self._check(grant)
                if len(self._known) >= _MOST_KEYS:
                    self._known.clear()
                self._known[grant.key_reference] = (time.monotonic(), is_ready)
        return PlainTextResponse(
            "ready\n" if is_ready else "not ready\n",
            status_code=200 if is_ready else 503,
            headers={"Cache-Control": "no-store"},
        )

    async def _check(self, grant: AccessGrant) -> bool:
        try:
            with anyio.fail_after(_CHECK_S):
                await self._state.backend_for(grant).client.connection.check()
        except (CalypsoError, TimeoutError):
            return False
        return True


def _shown(metrics: Metrics) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        user = request.scope.get("user")
        # They count the calls of all callers: behind a login, the route exists only for those granted it.
        if user is not None and not grant_of_user(user).metrics:
            raise HTTPException(404)
        return PlainTextResponse(metrics.render(), media_type=CONTENT_TYPE)

    return show
