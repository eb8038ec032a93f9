"""Plays a fault script between the client and another transport, without waiting for anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

import anyio.lowlevel
import httpx2
from starlette.requests import ClientDisconnect

from tests.support.fault_script import (
    Die,
    Drop,
    Exchange,
    Hang,
    LoseAnswer,
    NoRangeOn308,
    NotHttp,
    ProcessDied,
    Script,
    Slow,
    scripted_answer,
)

Sleep = Callable[[float], Awaitable[None]]

#: Piece size in which bodies pass, small enough for cuts in the middle of a file.
_PIECE = 16_384


async def no_wait(_seconds: float) -> None:
    """Let everybody else run, and no time pass."""
    await anyio.lowlevel.checkpoint()


class FaultyTransport(httpx2.AsyncBaseTransport):
    """Wraps another transport and lets happen what the script says.

    A body that is cut ends for the application as a disconnect does, so that an ASGI application in this
    process sees what it would see behind a server. Exceptions are those the network would cause.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, script: Script, *, sleep: Sleep = no_wait) -> None:
        """Wrap `inner`, which this closes.

        Args:
            inner: Where requests go that nothing happens to.
            script: What goes wrong.
            sleep: How slow links and hanging servers pass the time.
        """
        self.script = script
        self._inner = inner
        self._sleep = sleep

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass one request on, or do to it what the script says."""
        exchange = self.script.begin(request.method, request.url.path, request.headers.get("content-range"))
        response = await self._play(request, exchange)
        exchange.status = response.status_code
        return response

    async def aclose(self) -> None:
        """Close the wrapped transport."""
        await self._inner.aclose()

    async def _play(self, request: httpx2.Request, exchange: Exchange) -> httpx2.Response:
        fault = exchange.fault
        scripted = scripted_answer(fault) if fault else None
        if scripted is not None:
            status, headers, body = scripted
            return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(body))
        match fault:
            case Drop(after_bytes=after_bytes):
                with suppress(ClientDisconnect, httpx2.TransportError):
                    await self._forward(request, exchange, cut_at=after_bytes)
                raise httpx2.WriteError("The connection broke.", request=request)
            case Die(after_bytes=after_bytes):
                with suppress(ClientDisconnect, httpx2.TransportError):
                    await self._forward(request, exchange, cut_at=after_bytes)
                raise ProcessDied
            case LoseAnswer():
                await self._forward(request, exchange)
                raise httpx2.ReadError("The connection broke.", request=request)
            case Hang():
                await self._sleep(request.extensions["timeout"]["read"])
                raise httpx2.ReadTimeout("No answer.", request=request)
            case NotHttp():
                raise httpx2.RemoteProtocolError("Not HTTP.", request=request)
            case Slow(bytes_per_s=rate):
                return await self._forward(request, exchange, bytes_per_s=rate)
            case NoRangeOn308():
                response = await self._forward(request, exchange)
                if response.status_code == HTTPStatus.PERMANENT_REDIRECT:
                    response.headers.pop("range", None)
                return response
            case _:
                return await self._forward(request, exchange)

    async def _forward(
        self,
        request: httpx2.Request,
        exchange: Exchange,
        *,
        cut_at: int | None = None,
        bytes_per_s: float | None = None,
    ) -> httpx2.Response:
        async def pieces() -> AsyncIterator[bytes]:
            assert isinstance(request.stream, httpx2.AsyncByteStream)
            async for block in request.stream:
                for start in range(0, len(block), _PIECE):
                    piece = block[start : start + _PIECE]
                    if cut_at is not None:
                        piece = piece[: cut_at - exchange.body_bytes]
                    if bytes_per_s:
                        await self._sleep(len(piece) / bytes_per_s)
                    if piece:
                        exchange.body_bytes += len(piece)
                        yield piece
                    if cut_at == exchange.body_bytes:
                        raise ClientDisconnect

        passed_on = httpx2.Request(
            request.method,
            request.url,
            headers=request.headers,
            stream=_Pieces(pieces),
            extensions=request.extensions,
        )
        return await self._inner.handle_async_request(passed_on)


class _Pieces(httpx2.AsyncByteStream):
    def __init__(self, pieces: Callable[[], AsyncIterator[bytes]]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces():
            yield piece
