"""Plays a fault script on real sockets: an HTTP/1.1 proxy on a port of its own, before a real server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import anyio
import h11
from anyio.abc import SocketAttribute, SocketStream

from tests.support.fault_script import (
    Drop,
    Exchange,
    Hang,
    LoseAnswer,
    NoRangeOn308,
    NotHttp,
    Script,
    Slow,
    scripted_answer,
)

_READ: Final = 65_536
_INCOMPLETE: Final = 308
_GONE: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


class _Cut(Exception):
    """The connection to the client ends here."""


@dataclass(slots=True)
class _Side:
    """One connection and what is known of its protocol."""

    stream: SocketStream
    http: h11.Connection

    async def receive(self) -> object:
        """Return the next h11 event."""
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                try:
                    data = await self.stream.receive(_READ)
                except anyio.EndOfStream:
                    data = b""
                self.http.receive_data(data)
            elif event is h11.PAUSED:
                raise h11.RemoteProtocolError("pipelining is not supported")
            else:
                return event

    async def send(self, event: h11.Request | h11.Response | h11.Data | h11.EndOfMessage) -> None:
        data = self.http.send(event)
        if data:
            await self.stream.send(data)

    async def body(self) -> AsyncGenerator[bytes]:
        while isinstance(event := await self.receive(), h11.Data):
            yield bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise _Cut


@dataclass(slots=True)
class FaultProxy:
    """A running proxy.

    Attributes:
        port: Where clients connect, on 127.0.0.1.
        upstream_port: Where requests are passed on to; may change while it runs.
        script: What goes wrong, and the record.
    """

    port: int
    upstream_port: int
    script: Script

    @property
    def origin(self) -> str:
        """Scheme, host and port for clients."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, stream: SocketStream) -> None:
        """Serve one connection until either side ends it."""
        async with stream:
            client = _Side(stream, h11.Connection(h11.SERVER))
            try:
                while isinstance(request := await client.receive(), h11.Request):
                    await self._one(client, request)
                    if client.http.our_state is not h11.DONE:
                        return
                    client.http.start_next_cycle()
            except (_Cut, h11.ProtocolError, OSError, *_GONE):
                return

    async def _one(self, client: _Side, request: h11.Request) -> None:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
        path = request.target.decode("ascii").partition("?")[0]
        exchange = self.script.begin(request.method.decode(), path, headers.get("content-range"))
        try:
            await self._play(client, request, exchange)
        finally:
            exchange.over.set()

    async def _play(self, client: _Side, request: h11.Request, exchange: Exchange) -> None:
        fault = exchange.fault
        scripted = scripted_answer(fault) if fault else None
        if scripted is not None:
            await _swallow(client)
            await _answer(client, exchange, *scripted)
        elif isinstance(fault, Hang):
            await _swallow(client)
            await client.receive()  # ends when the client has had enough
            raise _Cut
        elif isinstance(fault, NotHttp):
            await _swallow(client)
            await client.stream.send(b"\x15\x03\x01\x00\x02\x02\x46 nothing that speaks HTTP\r\n")
            raise _Cut
        else:
            await self._pass_on(client, request, exchange)

    async def _pass_on(self, client: _Side, request: h11.Request, exchange: Exchange) -> None:
        async with await anyio.connect_tcp("127.0.0.1", self.upstream_port) as stream:
            server = _Side(stream, h11.Connection(h11.CLIENT))
            await server.send(request)
            try:
                await _pass_body(client, server, exchange)
            except _GONE:
                await _swallow(client)  # answered before it had read everything
            await _pass_answer(client, server, exchange)


async def _pass_body(client: _Side, server: _Side, exchange: Exchange) -> None:
    fault = exchange.fault
    limit = fault.after_bytes if isinstance(fault, Drop) else None
    if limit == 0:
        raise _Cut
    async for data in client.body():
        piece = data if limit is None else data[: limit - exchange.body_bytes]
        if isinstance(fault, Slow):
            await anyio.sleep(len(piece) / fault.bytes_per_s)
        await server.send(h11.Data(data=piece))
        exchange.body_bytes += len(piece)
        if exchange.body_bytes == limit:
            raise _Cut
    if isinstance(fault, Drop):
        raise _Cut
    await server.send(h11.EndOfMessage())


async def _pass_answer(client: _Side, server: _Side, exchange: Exchange) -> None:
    response = await server.receive()
    if not isinstance(response, h11.Response):
        raise _Cut
    pieces = [piece async for piece in server.body()]
    if isinstance(exchange.fault, LoseAnswer):
        raise _Cut
    headers = [(name.decode(), value.decode("latin-1")) for name, value in response.headers]
    if isinstance(exchange.fault, NoRangeOn308) and response.status_code == _INCOMPLETE:
        headers = [(name, value) for name, value in headers if name.lower() != "range"]
    await _answer(client, exchange, response.status_code, headers, b"".join(pieces))


async def _answer(
    client: _Side, exchange: Exchange, status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    ours = {"content-length", "transfer-encoding", "connection"}
    kept = [(name, value) for name, value in headers if name.lower() not in ours]
    await client.send(h11.Response(status_code=status, headers=[*kept, ("Content-Length", str(len(body)))]))
    await client.send(h11.Data(data=body))
    await client.send(h11.EndOfMessage())
    exchange.status = status


async def _swallow(side: _Side) -> None:
    async for _ in side.body():
        pass


@asynccontextmanager
async def fault_proxy(upstream_port: int, script: Script) -> AsyncGenerator[FaultProxy]:
    """Run a proxy before `127.0.0.1:upstream_port` for as long as the block lasts."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        port = listener.extra(SocketAttribute.local_port)
        proxy = FaultProxy(port, upstream_port, script)
        tasks.start_soon(listener.serve, proxy.serve)
        yield proxy
        tasks.cancel_scope.cancel()
