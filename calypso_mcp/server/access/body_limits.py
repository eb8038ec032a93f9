"""Limits the size, the duration and the depth of a request's body."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calypso_mcp.domain.json_text import JsonShape, excess, parsable
from calypso_mcp.server.access.answers import refusal
from calypso_mcp.server.access.credentials import UPLOADS_PREFIX

#: The rest of a body that is too large is read and dropped, up to this many times the limit.
_READ_OFF = 4


@dataclass(frozen=True, slots=True)
class BodyPolicy:
    """Limits of one request body.

    Attributes:
        size_bytes: Largest body; room for a small file as base64 and its frame.
        arrival_s: Time for all of it to arrive, in seconds.
        shape: Depth, string length and number of values of JSON.
    """

    size_bytes: int = 4_194_304
    arrival_s: float = 30.0
    shape: JsonShape = field(default_factory=JsonShape)


class BodyLimits:
    """Takes in a whole body, within its limits, before the app sees the request; uploads limit their own."""

    def __init__(self, app: ASGIApp, policy: BodyPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 for a body too large, 408 for one too slow, 400 for one too deep."""
        if scope["type"] != "http" or scope["path"].startswith(UPLOADS_PREFIX):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        size, complete = 0, False
        too_large = self._declares_too_much(scope)
        with anyio.move_on_after(self._policy.arrival_s):
            # A client that is still sending would miss an early refusal, so a little too much is read.
            while not complete and size <= _READ_OFF * self._policy.size_bytes:
                message = await receive()
                if message["type"] != "http.request":
                    return  # the client has left
                block = message.get("body", b"")
                size += len(block)
                too_large = too_large or size > self._policy.size_bytes
                complete = not message.get("more_body", False)
                if too_large:
                    body.clear()
                else:
                    body += block
        if too_large:
            description = f"The body may have at most {self._policy.size_bytes:,} bytes."
            await refusal(413, "too_large", description, {"Connection": "close"})(scope, receive, send)
        elif complete:
            await self._pass_on(bytes(body), scope, receive, send)
        else:
            late = refusal(408, "timeout", "The body did not arrive in time.", {"Connection": "close"})
            await late(scope, receive, send)

    async def _pass_on(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        problem = excess(body, self._policy.shape)
        if problem is not None:
            await refusal(400, "invalid_request", f"The body has {problem}.")(scope, receive, send)
            return
        await self._app(scope, replay(parsable(body), receive), send)

    def _declares_too_much(self, scope: Scope) -> bool:
        declared = Headers(scope=scope).get("content-length", "")
        return declared.isdecimal() and int(declared[:19]) > self._policy.size_bytes


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that yields `body` once and then whatever comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay
