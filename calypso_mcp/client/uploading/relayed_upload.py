"""Relays content while it arrives: nothing is kept but a window of it.

For one-time upload addresses: the bytes come over HTTP, once, in order, and their hash is known only at the
end. So the idempotency key cannot come from the content; the issuer of the address provides it, and whatever
is repeated under the same key ends in the same file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from calypso_mcp.api.files import CreateUploadSession, KnowledgeFile
from calypso_mcp.client.files import Files
from calypso_mcp.client.transport.sources import BLOCK_BYTES
from calypso_mcp.client.transport.storage import Content
from calypso_mcp.client.uploading.transfer import Transfer
from calypso_mcp.domain.limits import CHUNK_GRANULARITY
from calypso_mcp.errors import UploadCorrupted, UploadError

#: Most bytes in one request to the storage. After a broken one, they are sent again from memory.
CHUNK_BYTES: Final = 8 * CHUNK_GRANULARITY


class StreamEnded(UploadError):
    """The sender stopped before the announced size."""

    default_code = "upload_interrupted"
    default_hint = "Send the same file to the same address again; bytes that arrived are not sent twice."


class StreamSource:
    """Content that arrives in order, from `start` to `end`, as a `ByteSource` that can step back a little."""

    def __init__(self, stream: AsyncIterator[bytes], *, start: int, end: int, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.part_bytes = end - start
        self._stream = stream
        self._window = bytearray()
        self._window_start = start

    async def read(self, offset: int, length: int) -> bytes:
        """Return bytes from `offset`, waiting for them.

        Raises:
            UploadCorrupted: They were passed on and dropped.
            StreamEnded: They never came.
        """
        if offset < self._window_start:
            raise UploadCorrupted(
                "The storage asks for bytes that this server has already passed on and no longer has.",
                hint="Send the whole file to the same address again.",
            )
        end = min(offset + length, self.size_bytes)
        while self._window_start + len(self._window) < end:
            block = await anext(self._stream, b"")
            if not block:
                raise StreamEnded
            self._window += block
            self._forget(offset)
        position = offset - self._window_start
        return bytes(self._window[position : position + end - offset])

    def _forget(self, offset: int) -> None:
        """Drop what lies more than one request behind `offset`."""
        spare = offset - CHUNK_BYTES - self._window_start
        if spare >= BLOCK_BYTES:
            del self._window[:spare]
            self._window_start += spare


class RelayedUpload:
    """Opens a session, passes the bytes on, finalizes."""

    def __init__(self, files: Files, transfer: Transfer) -> None:
        self._files = files
        self._transfer = transfer

    async def kept(
        self, upload: CreateUploadSession, *, idempotency_key: str, origin: str | None = None
    ) -> int:
        """Return how many bytes of `upload` the storage has.

        Raises:
            SessionExpired: The address behind the session is gone.
            UploadError: The storage does not say.
        """
        answer = await self._files.create_session(upload, idempotency_key=idempotency_key, origin=origin)
        return await self._transfer.kept(answer.body.upload_url.get_secret_value(), upload.size_bytes)

    async def run(
        self,
        upload: CreateUploadSession,
        source: StreamSource,
        *,
        idempotency_key: str,
        origin: str | None = None,
        check: Callable[[], Awaitable[object]],
    ) -> KnowledgeFile:
        """Bring the rest of the content to the storage and finalize; the same key continues what it began.

        `check` raises what speaks against storing the file once all of it has arrived.

        Raises:
            StreamEnded: The sender stopped; the same key continues.
            UploadError: The bytes did not arrive.
            ApiError: The API refused.
            ConnectionFailed: The API could not be reached.
        """
        answer = await self._files.create_session(upload, idempotency_key=idempotency_key, origin=origin)
        content = Content(source, upload.content_type, content_hash="")
        await self._transfer.send(
            answer.body.upload_url.get_secret_value(),
            content,
            resumed=True,
            chunk_bytes=_chunk_bytes(source),
        )
        await check()
        return await self._files.finalize(answer.body.session_id)


def _chunk_bytes(source: StreamSource) -> int:
    """Return the bytes of one request; the last one of a part ends with it.

    Storage may keep nothing of a request that breaks off.
    """
    if source.part_bytes == source.size_bytes:
        return CHUNK_BYTES
    units = source.part_bytes // CHUNK_GRANULARITY
    sizes = range(CHUNK_BYTES, 0, -CHUNK_GRANULARITY)
    return next(size for size in sizes if units * CHUNK_GRANULARITY % size == 0)
