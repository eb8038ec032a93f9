"""Sends one request to an upload address. The address is the only credential: no API key goes with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx2

from calypso_mcp.client.transport.connections import Connections, user_agent
from calypso_mcp.client.transport.exchanges import exchange
from calypso_mcp.client.transport.sources import (
    BLOCK_BYTES,
    ByteSource,
    changed,
    content_hash_of,
    read_exactly,
    version_of,
)
from calypso_mcp.client.transport.transport_errors import mapped
from calypso_mcp.domain.addresses import keeps_secrets, split_url
from calypso_mcp.domain.retry import parse_retry_after
from calypso_mcp.domain.uploads.resumable import UploadRequest
from calypso_mcp.errors import CalypsoError, ContractError

#: Bytes of an answer worth reading so that the connection can be used again; beyond, it is dropped.
_LARGEST_ANSWER: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent, and the proof that it is still what was hashed.

    Attributes:
        source: The bytes.
        content_type: MIME type as declared to the API.
        content_hash: Hash that the idempotency key was made from.
        version: The source's version at that time.
    """

    source: ByteSource
    content_type: str
    content_hash: str
    version: object = None

    async def check_unchanged(self) -> None:
        """Check that the source was not written to since it was hashed.

        Raises:
            UploadCorrupted: Its bytes are others now. A mere touch is no change.
        """
        if self.version == await version_of(self.source):
            return
        if await content_hash_of(self.source) != self.content_hash:
            raise changed()


@dataclass(frozen=True, slots=True)
class StorageAnswer:
    """What the storage said: never its text, which may quote the address."""

    status: int
    range_header: str | None
    retry_after_s: float | None


async def put(connections: Connections, url: str, request: UploadRequest, content: Content) -> StorageAnswer:
    """Send one request of the resumable protocol to a checked address, its bytes block by block.

    Raises:
        ConnectionFailed: No answer; the bytes may have arrived whole, in part or not at all.
        UploadCorrupted: The source changed. The last block is then held back, so that the storage
            never completes an object by mistake.
    """
    headers = {
        "Content-Type": content.content_type,
        "Content-Range": request.content_range,
        "Content-Length": str(request.length),
        "Accept-Encoding": "identity",
        "User-Agent": user_agent(),
    }
    client = connections.storage
    body = _Body(request, content)
    try:
        with exchange("storage", "PUT", sent_bytes=request.length) as made, mapped():
            # Most files are one block: a body in hand is sent with less ado than one that is streamed.
            content_sent = await body.whole() if request.length <= BLOCK_BYTES else body.blocks()
            # Not `build_request`: the headers of other requests do not concern this host.
            outgoing = httpx2.Request(
                "PUT",
                url,
                headers=headers,
                content=content_sent,
                extensions={"timeout": client.timeout.as_dict()},
            )
            async with aclosing(await client.send(outgoing, stream=True)) as response:
                made.status = response.status_code
                await _drain(response)
    except Exception:
        # Whatever became of the exchange, a source that failed in the middle of it is the reason.
        if body.error is not None:
            raise body.error from None
        raise
    if body.error is not None:
        raise body.error
    return StorageAnswer(
        response.status_code,
        response.headers.get("range"),
        parse_retry_after(response.headers.get("retry-after"), now=datetime.now(UTC)),
    )


class _Body:
    """The bytes of one request, and what went wrong with their source while they were sent."""

    def __init__(self, request: UploadRequest, content: Content) -> None:
        self._request = request
        self._content = content
        self.error: Exception | None = None

    async def whole(self) -> bytes:
        if not self._request.length:
            return b""
        return await self._block(self._request.offset, self._request.offset + self._request.length)

    async def blocks(self) -> AsyncGenerator[bytes]:
        offset, end = self._request.offset, self._request.offset + self._request.length
        while offset < end:
            try:
                block = await self._block(offset, end)
            except CalypsoError as error:
                self.error = error
                raise
            offset += len(block)
            yield block

    async def _block(self, offset: int, end: int) -> bytes:
        length = min(BLOCK_BYTES, end - offset)
        block = await read_exactly(self._content.source, offset, length)
        if offset + length == end:
            await self._content.check_unchanged()
        return block


async def _drain(response: httpx2.Response) -> None:
    if response.is_stream_consumed:
        return
    size = 0
    # Never unpacked: it is not read.
    async for part in response.aiter_raw():
        size += len(part)
        if size > _LARGEST_ANSWER:
            return


def check_upload_url(url: str) -> None:
    """Check an upload address the API handed out, without ever repeating it.

    Raises:
        ContractError: It is no URL, or plain http to another machine.
    """
    parts = split_url(url)
    if parts is None or not keeps_secrets(parts):
        raise ContractError(
            "The API returned an upload address without https.",
            hint="Nothing was sent there. Check the API base URL.",
            code="insecure_upload_address",
        )
