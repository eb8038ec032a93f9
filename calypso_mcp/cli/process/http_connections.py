"""HTTP/1.1 connections that refuse bodies in very small chunks.

Parsing a chunk costs as much as parsing a block of 64 KiB, whatever its size. One read from a socket may hold
40,000 chunks of one byte, and parsing them takes seconds in which no other request is answered.
"""

from __future__ import annotations

from typing import Any, Final, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

#: Chunks that a body may have whatever its size, and bytes that each further one must bring on average: more
#: once the request is answered, since the rest of its body is not wanted.
_FREE_CHUNKS: Final = 20
_CHUNK_BYTES: Final = 1 << 10
_UNWANTED_CHUNK_BYTES: Final = 16 << 10
#: Seconds until bytes that are not HTTP are refused.
_PAUSE_S: Final = 2.0


class BoundedConnection(H11Protocol):
    """Ends connections whose bodies come in very small chunks or state two lengths."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        # The whole of a request's head is kept until it is complete: as much as uvicorn allows by default.
        self.conn = HttpExchange(h11.SERVER)

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP, or hang up if an answer has begun."""
        if begun := cast("RequestResponseCycle | None", self.cycle):
            # The request that began well is answered here; what the app answers is dropped.
            begun.disconnected = True
            begun.message_event.set()
        # A client that is refused at once comes back at once, and accepting a connection costs most.
        self.transport.pause_reading()
        self.loop.call_later(_PAUSE_S, self._refuse, msg)

    def _refuse(self, msg: str) -> None:
        if self.transport.is_closing():
            return
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()


class HttpExchange(h11.Connection):
    """The requests on a connection, one after the other, and their answers."""

    _chunks = 0
    _chunk_bytes = 0
    _head: bytes = b""

    def send(self, event: Any) -> Any:
        """Return what to write: the head of an answer whose length is known goes out with its body."""
        written = self._head + (cast("bytes | None", super().send(event)) or b"")
        self._head = b""
        if isinstance(event, h11.Response) and any(name == b"content-length" for name, _ in event.headers):
            self._head, written = written, b""
        return written

    def next_event(self) -> Any:
        """Return what has arrived.

        Raises:
            h11.RemoteProtocolError: Its chunks are too small, or it states two lengths.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                # Two programs on the way may take different ones (RFC 9112, 6.1).
                raise h11.RemoteProtocolError("two lengths")
            self._chunks = self._chunk_bytes = 0
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_end
            self._chunk_bytes += len(event.data)
            least = _UNWANTED_CHUNK_BYTES if self.our_state is h11.DONE else _CHUNK_BYTES
            if self._chunks > _FREE_CHUNKS + self._chunk_bytes // least:
                raise h11.RemoteProtocolError("chunks too small")
        return event
