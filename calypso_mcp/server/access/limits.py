"""Limits what one HTTP request may cost, on every route, before the request reaches MCP.

From the outside in: Host and Origin, credential, requests at once and the time until the answer is complete,
requests at once and per minute of one caller, and the body's size, speed and shape. Callers without a
credential take no place from those with one.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import anyio
from anyio.lowlevel import checkpoint
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calypso_mcp.domain.callers.access import RateWindows
from calypso_mcp.domain.cross_origin import ANSWER_HEADERS
from calypso_mcp.server.access.answers import refusal
from calypso_mcp.server.access.body_limits import BodyLimits, BodyPolicy
from calypso_mcp.server.access.credentials import UPLOADS_PREFIX, grant_of_user
from calypso_mcp.server.access.gate import LIVENESS_PATH, AccessControl, AccessGate
from calypso_mcp.server.access.refusal_pace import RefusalPace
from calypso_mcp.server.metrics import Metrics

_log = logging.getLogger(__name__)

#: A name or an address, and a port. Anything after the colon would pass an allowed `name:*`, and the SDK logs
#: what it refuses unchanged.
_PLACE = r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
_HOST = re.compile(_PLACE)
_ORIGIN = re.compile(rf"null|[A-Za-z][A-Za-z0-9+.-]{{0,31}}://(?:{_PLACE})?")
#: Header that names the method since MCP 2026-07-28.
_METHOD_HEADER = "mcp-method"
#: Methods whose answer is a stream of events that ends when the client leaves.
_STREAMING_METHODS = frozenset({"subscriptions/listen"})
#: The event loop is busy if it takes so many seconds until everybody has had a turn.
_BUSY_TURN_S = 0.005
#: Requests of one caller that may then begin at once, and the seconds after which a request counts no more.
_TURNS_WHILE_BUSY = 2
_TURN_S = 0.5


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of one worker process; times in seconds, sizes in bytes.

    Attributes:
        body: Size, speed and shape of a request body.
        concurrent: Requests served at once; more are told to come back.
        concurrent_per_caller: The same for one caller, unless the access file says otherwise; never more than
            half of all, so that no access file lets one caller keep the others out.
        calls_per_minute: Requests of one caller in 60 seconds, unless the access file says otherwise.
        call_s: Time until an answer is complete; above the longest wait a tool offers (300 s).
        stream_s: The same for a subscription, whose client reconnects, and for a streamed upload.
        silence_s: Longest silence of an answer, then comes a ping; proxies commonly end one after 60 s.
    """

    body: BodyPolicy = field(default_factory=BodyPolicy)
    concurrent: int = 512
    concurrent_per_caller: int = 32
    calls_per_minute: int = 600
    call_s: float = 330.0
    stream_s: float = 3_600.0
    silence_s: float = 15.0


def wrap(
    app: ASGIApp,
    limits: HttpLimits,
    *,
    security: TransportSecuritySettings,
    control: AccessControl | None = None,
    front: Callable[[ASGIApp], ASGIApp] | None = None,
    metrics: Metrics | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """Return `app` behind every check, as `HttpPolicy` describes them."""
    pace = RefusalPace()
    inner: ASGIApp = BodyLimits(app, limits.body)
    inner = CallerLimits(inner, limits, clock)
    inner = GlobalLimits(inner, limits)
    if control is not None:
        inner = AccessGate(inner, control, pace)
    inner = ReadableElsewhere(inner)
    if front is not None:
        inner = front(inner)
    inner = KnownAddress(inner, security, pace)
    return inner if metrics is None else Counted(inner, metrics)


class Counted:
    """Counts answers and requests in flight, refusals included."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(message["status"])
            await send(message)

        self._metrics.in_flight += 1
        try:
            await self._app(scope, receive, counted)
        finally:
            self._metrics.in_flight -= 1


class KnownAddress:
    """Refuses requests that were sent to another name or by another site's page (DNS rebinding)."""

    def __init__(self, app: ASGIApp, security: TransportSecuritySettings, pace: RefusalPace) -> None:
        self._app = app
        self._pace = pace
        self._security = TransportSecurityMiddleware(security)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 for a foreign Host, 403 for a foreign Origin; a websocket is closed unopened."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            response = _misshapen(Headers(scope=scope))
            response = response or await self._security.validate_request(Request(scope))
            if response is not None:
                await self._pace.wait()
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _misshapen(headers: Headers) -> Response | None:
    """Return the refusal of a missing, repeated or malformed Host or Origin; None for well-formed ones."""
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        return refusal(421, "misdirected_request", "The Host header is not an address.")
    if len(origins) > 1 or not all(_ORIGIN.fullmatch(origin) for origin in origins):
        return refusal(403, "forbidden_origin", "The Origin header is not an origin.")
    return None


class ReadableElsewhere:
    """Lets pages of allowed origins read the answers of upload addresses, refusals included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to them."""
        if scope["type"] != "http" or not scope["path"].startswith(UPLOADS_PREFIX):
            await self._app(scope, receive, send)
            return

        async def readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ANSWER_HEADERS)
            await send(message)

        await self._app(scope, receive, readable)


class GlobalLimits:
    """Bounds how many requests are in flight at once, and how long each may take."""

    def __init__(self, app: ASGIApp, limits: HttpLimits) -> None:
        self._app = app
        self._limits = limits
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 503 when the server is full, 504 when the request times out."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if self._in_flight >= self._limits.concurrent and scope["path"] != LIVENESS_PATH:
            busy = refusal(503, "temporarily_unavailable", "The server is busy.", {"Retry-After": "1"})
            await busy(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._within_time(scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _within_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _SendWatch(send)
        with anyio.move_on_after(self._seconds(scope)) as deadline:
            await self._app(scope, receive, answer.send)
        if not deadline.cancelled_caught or answer.is_complete:
            return
        _log.warning("The server ended a request that took longer than allowed.")
        if answer.has_started:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            late = refusal(504, "timeout", "The request took too long.")
            await late(scope, receive, send)

    def _seconds(self, scope: Scope) -> float:
        streams = (
            scope["method"] == "GET"
            or scope["path"].startswith(UPLOADS_PREFIX)
            or Headers(scope=scope).get(_METHOD_HEADER) in _STREAMING_METHODS
        )
        return self._limits.stream_s if streams else self._limits.call_s


class EvenTurns:
    """Shares the event loop evenly between callers while it is busy, however much each of them asks for.

    Only what a request does at first counts: one that waits for an API or for a file delays no other.
    """

    def __init__(self) -> None:
        # A caller without requests is forgotten.
        self._of_callers: WeakValueDictionary[str, anyio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, caller: str) -> AsyncGenerator[None]:
        """Run the block; while the event loop is busy, when the turn of the caller's request has come."""
        started = time.monotonic()
        await checkpoint()  # comes back when everybody else has had a turn
        if time.monotonic() - started < _BUSY_TURN_S:
            yield
            return
        turns = self._of_callers.setdefault(caller, anyio.Semaphore(_TURNS_WHILE_BUSY))
        await turns.acquire()
        turn = ExitStack()
        turn.callback(turns.release)
        ends = asyncio.get_running_loop().call_later(_TURN_S, turn.close)
        try:
            yield
        finally:
            ends.cancel()
            turn.close()


class CallerLimits:
    """Bounds each caller, so that one cannot keep the others waiting."""

    def __init__(self, app: ASGIApp, limits: HttpLimits, clock: Callable[[], float]) -> None:
        self._app = app
        self._limits = limits
        self._clock = clock
        self._turns = EvenTurns()
        self._windows = RateWindows()
        self._in_flight: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429 with the seconds to wait when a caller asks for too much."""
        user = scope.get("user")
        if scope["type"] != "http" or not isinstance(user, AuthenticatedUser):
            await self._app(scope, receive, send)
            return
        grant = grant_of_user(user)
        wanted = grant.concurrent_calls or self._limits.concurrent_per_caller
        at_once = min(wanted, max(1, self._limits.concurrent // 2))
        rate = grant.calls_per_minute or self._limits.calls_per_minute
        is_full = self._in_flight[grant.name] >= at_once
        wait_s = 1.0 if is_full else self._windows.admit(grant.name, rate, self._clock())
        if wait_s is not None:
            seconds = str(max(1, math.ceil(wait_s)))
            description = f"Too many requests: call again in {seconds} s."
            answer = refusal(429, "rate_limited", description, {"Retry-After": seconds})
            await answer(scope, receive, send)
            return
        self._in_flight[grant.name] += 1
        try:
            async with self._turns.take(grant.name):
                await self._app(scope, receive, send)
        finally:
            self._in_flight[grant.name] -= 1
            if not self._in_flight[grant.name]:
                del self._in_flight[grant.name]


class _SendWatch:
    """Passes an answer on, and knows how much of it was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False
        self.is_complete = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_complete = True
        await self._send(message)
