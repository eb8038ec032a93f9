"""A resumable-upload storage on a real socket that behaves as strictly, or as badly, as a test wants.

It keeps whole multiples of 256 KiB of anything incomplete, as GCS does, and can break off, lose answers or
answer nonsense on cue. Independent of the embedded backend: written from the protocol's table alone.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio.lowlevel

GRANULARITY = 262_144


@dataclass(frozen=True)
class Cut:
    """The connection breaks after this many bytes of the body; they are kept in whole granules."""

    after_bytes: int


@dataclass(frozen=True)
class LostAnswer:
    """The request counts, but the connection breaks before its answer."""


@dataclass(frozen=True)
class Says:
    """The body is read and forgotten; this is answered."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class KeepsOnly:
    """Of this body only so many bytes are kept (rounded down to granules); 308 tells."""

    bytes_kept: int


Behaviour: TypeAlias = Cut | LostAnswer | Says | KeepsOnly | None


@dataclass
class StoredObject:
    """What lies behind one upload address."""

    kept: bytearray = field(default_factory=bytearray)
    complete: bool = False
    #: How often a byte range was added to the object; each byte must be added once.
    appended: int = 0


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    path: str
    content_range: str
    headers: dict[str, str]


@dataclass
class GcsServer:
    """The storage, its next misbehaviours, and what it has seen."""

    origin: str = ""
    script: deque[Behaviour] = field(default_factory=deque[Behaviour])
    objects: dict[str, StoredObject] = field(default_factory=dict[str, StoredObject])
    seen: list[Seen] = field(default_factory=list[Seen])
    _connections: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    def address(self, name: str) -> str:
        """Return a new upload address."""
        self.objects[f"/upload/{name}"] = StoredObject()
        return f"{self.origin}/upload/{name}"

    def stored(self, name: str) -> StoredObject:
        """Return what lies behind an address."""
        return self.objects[f"/upload/{name}"]

    @property
    def ranges(self) -> list[str]:
        """The `Content-Range` of every request, in order."""
        return [seen.content_range for seen in self.seen]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self._connections.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._connections.discard(writer)

    async def aclose(self) -> None:
        """Break all connections and wait until their handlers have noticed."""
        for writer in self._connections.copy():
            writer.close()
        while self._connections:
            await anyio.lowlevel.checkpoint()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        path = request_line.split(" ")[1]
        self.seen.append(Seen(path, headers.get("content-range", ""), headers))
        behaviour = self.script.popleft() if self.script else None
        length = int(headers["content-length"])
        target = self.objects.get(path)
        if isinstance(behaviour, Cut):
            body = await reader.readexactly(min(length, behaviour.after_bytes))
            if target is not None:
                self._store(target, headers["content-range"], body)
            return False
        body = await reader.readexactly(length)
        if isinstance(behaviour, Says):
            status, extra = behaviour.status, list(behaviour.headers)
        elif target is None:
            status, extra = 404, []
        else:
            if isinstance(behaviour, KeepsOnly):
                body = body[: behaviour.bytes_kept]
            status, extra = self._store(target, headers["content-range"], body)
        if isinstance(behaviour, LostAnswer):
            return False
        head_lines = [f"HTTP/1.1 {status} X", "content-length: 0", *(f"{k}: {v}" for k, v in extra), "", ""]
        writer.write("\r\n".join(head_lines).encode())
        await writer.drain()
        return True

    def _store(
        self, target: StoredObject, content_range: str, body: bytes
    ) -> tuple[int, list[tuple[str, str]]]:
        if target.complete:
            return 200, []
        match = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\d+)", content_range)
        assert match is not None, content_range
        total = int(match[3])
        if match[1] is not None:
            start = int(match[1])
            if start > len(target.kept):
                return 503, []
            fresh = body[len(target.kept) - start :]
            end = len(target.kept) + len(fresh)
            whole = end if end == total else end - end % GRANULARITY
            added = fresh[: max(0, whole - len(target.kept))]
            target.kept += added
            target.appended += len(added)
        target.complete = len(target.kept) == total
        if target.complete:
            return 200, []
        return 308, [("range", f"bytes=0-{len(target.kept) - 1}")] if target.kept else []


@asynccontextmanager
async def gcs_server() -> AsyncGenerator[GcsServer]:
    """Serve on a free loopback port for as long as the block lasts."""
    storage = GcsServer()
    server = await asyncio.start_server(storage.serve, "127.0.0.1", 0, limit=1 << 20)
    storage.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield storage
    finally:
        server.close()
        await storage.aclose()
        await server.wait_closed()
