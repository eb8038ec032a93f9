"""Requests of the handshake era (before MCP 2026-07-28), each answered by itself as the later ones are.

The SDK starts a session with a stream of events for each of them, which takes longer than most tools. A
client has said that it reads either (MCP, streamable HTTP: `Accept`), so an answer that comes first is plain
JSON. The response becomes a stream when something is sent before the answer, or nothing is for a while.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import anyio
import pydantic_core
from mcp.server.mcpserver import MCPServer
from mcp.server.streamable_http import check_accept_headers
from mcp_types import JSONRPCRequest
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.requests import Request

from calypso_mcp.server import sdk
from calypso_mcp.server.access.answers import refusal
from calypso_mcp.server.access.body_limits import replay

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

#: Seconds after which a task watches whether the client left; most calls end sooner.
_QUICK_S: Final = 0.1
_STREAM_HEADERS: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
_PING: Final = b": ping\r\n\r\n"


class HandshakeRequests:
    """Answers well-formed requests of the handshake era; everything else is the SDK's to answer."""

    def __init__(self, endpoint: ASGIApp, server: MCPServer[Any], silence_s: float) -> None:
        """Stand before the SDK's `endpoint` of `server`; send a ping after `silence_s` seconds of silence."""
        self._endpoint = endpoint
        self._server = server
        self._silence_s = silence_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        request = Request(scope, receive)
        if not _is_of_handshake_era(request):
            await self._endpoint(scope, receive, send)
            return
        body = await request.body()
        message = _read_request(body)
        if message is None:
            fault = sdk.fault_of(body)
            answer = refusal(400, "invalid_request", fault) if fault else self._endpoint
            await answer(scope, replay(body, receive), send)
            return
        answer, loop = _Answer(send), asyncio.get_running_loop()
        # A task group would cost each request a turn of the event loop.
        watchers: list[asyncio.Handle | asyncio.Task[None]] = []
        with anyio.CancelScope() as call:

            def watch() -> None:
                watchers.append(loop.create_task(self._keep_open(answer, receive, call)))

            watchers.append(loop.call_later(_QUICK_S, watch))
            try:
                await answer.end(await sdk.answer_request(self._server, request, message, answer.send_event))
            finally:
                for watcher in watchers:
                    watcher.cancel()

    async def _keep_open(self, answer: _Answer, receive: Receive, call: anyio.CancelScope) -> None:
        """Send pings while nothing else is sent, and cancel the call when the client leaves."""
        try:
            while True:
                with anyio.move_on_after(self._silence_s):
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    return
                await answer.send_block(_PING)
        finally:
            call.cancel()


class _Answer:
    """The response to one request: JSON, or a stream of events once anything was sent before the answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_stream = False
        self._is_over = False
        # A slow reader holds up the sender: a ping must not overtake what it sends.
        self._turn = anyio.Lock(fast_acquire=True)

    async def send_event(self, message: bytes) -> None:
        """Send a message before the answer."""
        await self.send_block(_event(message))

    async def send_block(self, block: bytes) -> None:
        """Send a part of the stream, which begins with the first; nothing after the answer."""
        async with self._turn:
            if self._is_over:
                return
            if not self._is_stream:
                self._is_stream = True
                await self._send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
            await self._send({"type": "http.response.body", "body": block, "more_body": True})

    async def end(self, message: bytes) -> None:
        """Send the answer."""
        async with self._turn:
            self._is_over = True
            if not self._is_stream:
                length = str(len(message)).encode()
                headers = [(b"content-type", b"application/json"), (b"content-length", length)]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            body = _event(message) if self._is_stream else message
            await self._send({"type": "http.response.body", "body": body})


def _event(message: bytes) -> bytes:
    return b"event: message\r\ndata: " + message + b"\r\n\r\n"


def _is_of_handshake_era(request: Request) -> bool:
    """Whether a request claims to be of the era and is one that an answer of either kind suits."""
    headers = request.headers
    is_json = headers.get("content-type", "").partition(";")[0].strip() == "application/json"
    version = headers.get(sdk.VERSION_HEADER)
    is_known = version is None or version in HANDSHAKE_PROTOCOL_VERSIONS
    return is_known and is_json and all(check_accept_headers(request))


def _read_request(body: bytes) -> JSONRPCRequest | None:
    """Return the request that `body` holds; None for anything else."""
    try:
        return JSONRPCRequest.model_validate(pydantic_core.from_json(body), by_name=False)
    except ValueError:  # pydantic's own error is one
        return None
