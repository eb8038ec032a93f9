"""The web of a test: a DNS server of its own on loopback, and one site that stands for all others."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, SOCK_DGRAM, socket
from typing import Any

import anyio
import httpcore2

from calypso_mcp.local.web.policy import PrivateHosts, WebPolicy

_A, _AAAA = 1, 28
BOUND_S = 10.0


class NameServer:
    """Answers A and AAAA questions over UDP from a table; counts the questions.

    A name's entries are answered one after the other, the last one for good: so a name can be rebound.
    """

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self.names = names
        self.asked: list[str] = []
        self._socket = socket(AF_INET, SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def answer_for_good(self) -> None:
        while True:
            query, sender = self._socket.recvfrom(512)
            if not query:
                return
            self._socket.sendto(self._answer(query), sender)

    def stop(self) -> None:
        with socket(AF_INET, SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))

    def close(self) -> None:
        self._socket.close()

    def _answer(self, query: bytes) -> bytes:
        labels, position = [], 12
        while query[position]:
            labels.append(query[position + 1 : position + 1 + query[position]].decode())
            position += 1 + query[position]
        (kind,) = struct.unpack(">H", query[position + 1 : position + 3])
        question = query[12 : position + 5]
        name = ".".join(labels)
        if kind == _A:
            self.asked.append(name)
        entries = self.names.get(name)
        addresses = [ip_address(text) for text in entries[0]] if entries else []
        if entries and len(entries) > 1 and kind == _AAAA:
            entries.pop(0)
        fitting = [each for each in addresses if each.version == (4 if kind == _A else 6)]
        code = 0 if entries else 3
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(fitting), 0, 0)
        records = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(each.packed)) + each.packed for each in fitting
        )
        return head + question + records

    async def resolve(self, host: str) -> Sequence[IPv4Address | IPv6Address]:
        """Ask over the wire, as a system's resolver does."""
        found: list[IPv4Address | IPv6Address] = []
        for kind in (_A, _AAAA):
            found += await anyio.to_thread.run_sync(self._ask, host, kind)
        return found

    def _ask(self, host: str, kind: int) -> list[IPv4Address | IPv6Address]:
        name = b"".join(bytes([len(label)]) + label.encode() for label in host.split(".")) + b"\0"
        query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + name + struct.pack(">HH", kind, 1)
        with socket(AF_INET, SOCK_DGRAM) as asking:
            asking.settimeout(BOUND_S)
            asking.sendto(query, ("127.0.0.1", self.port))
            answer = asking.recv(4_096)
        position, found = len(query), list[IPv4Address | IPv6Address]()
        for _ in range(struct.unpack(">H", answer[6:8])[0]):
            (length,) = struct.unpack(">H", answer[position + 10 : position + 12])
            found.append(ip_address(answer[position + 12 : position + 12 + length]))
            position += 12 + length
        return found


@contextmanager
def name_server(names: dict[str, list[list[str]]]) -> Generator[NameServer]:
    """Serve `names`: for each its answers in turn, each a list of addresses."""
    server = NameServer(names)
    thread = threading.Thread(target=server.answer_for_good)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(BOUND_S)
        server.close()


@dataclass
class Wire(httpcore2.AsyncNetworkBackend):
    """This machine's network, with everything beyond it replaced by one site: nothing leaves the machine.

    `reached` are the addresses that were connected to, `site` the port of the site on loopback.
    """

    site: int
    reached: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    dead: frozenset[str] = frozenset()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.reached.append((host, port))
        if host in self.dead:
            raise httpcore2.ConnectError
        inner: Any = httpcore2.AnyIOBackend()
        return await inner.connect_tcp("127.0.0.1", self.site, timeout, local_address, socket_options)


@dataclass(frozen=True)
class Request:
    """A request that a site received."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class Site:
    """A site that answers by path; robots.txt is missing unless it is one of them."""

    pages: dict[str, Callable[[Request], bytes | list[bytes]] | bytes]
    seen: list[Request] = field(default_factory=list[Request])
    port: int = 0
    #: Pieces of a list are sent with this pause.
    drip_s: float = 0.0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, _ = head.split("\r\n")[0].split(" ")
            lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line]
            request = Request(method, target, {name.lower(): value for name, value in lines})
            self.seen.append(request)
            answer = self.pages.get(target.partition("?")[0], page("gone", status="404 Not Found"))
            given = answer(request) if callable(answer) else answer
            for piece in given if isinstance(given, list) else [given]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(self.drip_s)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def page(
    body: str | bytes, *, status: str = "200 OK", kind: str = "text/html; charset=utf-8", **headers: str
) -> bytes:
    """Return an HTTP response."""
    data = body.encode() if isinstance(body, str) else body
    fields = {"Content-Type": kind, "Content-Length": str(len(data)), "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + data


def moved(to: str, status: str = "302 Found") -> bytes:
    """Return a redirect."""
    return page("", status=status, Location=to)


@asynccontextmanager
async def site(pages: dict[str, Any], tls: Any = None) -> AsyncGenerator[Site]:
    """Serve `pages` on a free port of loopback."""
    made = Site(pages)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


PUBLIC = "93.184.216.34"


def policy(
    wire: Wire, names: NameServer, *, private: Iterable[tuple[str, int | None]] = (), **more: Any
) -> WebPolicy:
    """Return a policy that knows only the names of the test and reaches only its site."""
    fields: dict[str, Any] = {"resolve": names.resolve, "network": wire}
    return WebPolicy(private_hosts=PrivateHosts(frozenset(private)), **fields, **more)
