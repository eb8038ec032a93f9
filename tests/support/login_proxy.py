"""Logs in for clients that cannot: passes every request on as it is, with a bearer token added."""

from __future__ import annotations

import anyio
import httpx2
from starlette.types import Message, Receive, Scope, Send

#: Headers of one connection only (RFC 9110, section 7.6.1), and what the two servers add by themselves.
_OWN = {b"connection", b"keep-alive", b"transfer-encoding", b"date", b"server"}


class LoginProxy:
    """An ASGI application in front of the server at `origin`."""

    def __init__(self, http: httpx2.AsyncClient, origin: str, token: str) -> None:
        self._http = http
        self._origin = origin
        self._authorization = (b"authorization", f"Bearer {token}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and its answer back as it comes in."""
        assert scope["type"] == "http"
        body = bytearray()
        more = True
        while more:
            message: Message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        headers = [pair for pair in scope["headers"] if pair[0] not in _OWN]
        request = self._http.build_request(
            scope["method"],
            f"{self._origin}{scope['path']}{query}",
            headers=[*headers, self._authorization],
            content=bytes(body),
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_when_left, receive, tasks.cancel_scope)
            await self._answer(request, send)
            tasks.cancel_scope.cancel()

    async def _answer(self, request: httpx2.Request, send: Send) -> None:
        answer = await self._http.send(request, stream=True)
        try:
            passed = [pair for pair in answer.headers.raw if pair[0].lower() not in _OWN]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": passed})
            async for part in answer.aiter_raw():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            with anyio.CancelScope(shield=True):
                await answer.aclose()


async def _cancel_when_left(receive: Receive, scope: anyio.CancelScope) -> None:
    """End a stream of events when its client has left, as the client itself would have done."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
