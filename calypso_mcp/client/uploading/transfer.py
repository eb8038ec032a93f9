"""Sends the bytes of one file to its upload address, and continues after interruptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from calypso_mcp.client.transport.connections import Connections
from calypso_mcp.client.transport.retrying import Retries
from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.transport.storage import Content, check_upload_url, put
from calypso_mcp.domain.uploads.resumable import ResumableUpload, UploadState
from calypso_mcp.errors import ConnectionFailed, UploadError

#: Called with the number of bytes the storage has newly acknowledged.
OnKept = Callable[[int], None]

_NOTHING: Final = Content(BytesSource(b""), "application/octet-stream", content_hash="")


class Transfer:
    """Drives `domain.resumable` over HTTP."""

    def __init__(self, connections: Connections, retries: Retries) -> None:
        """Use `connections`; the attempts that `retries` allows are those in a row that move nothing."""
        self._connections = connections
        self._retries = retries

    async def send(
        self,
        url: str,
        content: Content,
        *,
        resumed: bool = False,
        chunk_bytes: int | None = None,
        on_kept: OnKept | None = None,
    ) -> bool:
        """Store the whole content.

        Args:
            url: The upload address.
            content: The bytes.
            resumed: Whether an earlier run may have sent some already; it is asked first then.
            chunk_bytes: Most bytes in one request, a multiple of 262,144; None for all in one.
            on_kept: Called with the number of bytes newly acknowledged.

        Returns:
            Whether everything was there already, so that nothing was sent.

        Raises:
            SessionExpired: The address is gone.
            UploadOutOfStep: The storage claims bytes that were not sent.
            UploadCorrupted: The source changed on the way.
            UploadError: The storage refuses, or gave no progress for too long.
            ContractError: The address is not safe to use.
        """
        check_upload_url(url)
        machine = ResumableUpload(content.source.size_bytes, chunk_bytes, resumed=resumed)
        kept = 0

        def has_moved() -> bool:
            return machine.is_done or machine.offset > kept

        while not machine.is_done:
            await self._converse(url, machine, content, until=has_moved)
            if machine.offset > kept:
                if on_kept is not None:
                    on_kept(machine.offset - kept)
                kept = machine.offset
        return machine.untouched

    async def kept(self, url: str, size_bytes: int) -> int:
        """Return how many of the `size_bytes` bytes the storage has.

        Raises:
            SessionExpired: The address is gone.
            UploadError: The storage does not say, or gave no answer for too long.
            ContractError: The address is not safe to use.
        """
        check_upload_url(url)
        machine = ResumableUpload(size_bytes, resumed=True)
        await self._converse(url, machine, _NOTHING, until=lambda: machine.state is not UploadState.ASKING)
        return machine.offset

    async def _converse(
        self, url: str, machine: ResumableUpload, content: Content, *, until: Callable[[], bool]
    ) -> None:
        """Exchange requests and answers until `until` holds, again and again after setbacks."""
        setbacks = 0
        setback: UploadError | None = None

        async def attempt() -> None:
            nonlocal setbacks, setback
            while not until():
                retry_after_s, complaint = await self._exchange(url, machine, content)
                if machine.setback and not until():
                    setbacks += 1
                    setback = UploadError(
                        f"The storage did not accept the bytes in {setbacks} attempts. {complaint}",
                        retry_after_s=retry_after_s,
                    )
                    raise setback

        # Any other error is final here: a repetition would not help, a new address might.
        await self._retries.run(attempt, is_final=lambda error: error is not setback)

    async def _exchange(
        self, url: str, machine: ResumableUpload, content: Content
    ) -> tuple[float | None, str]:
        try:
            answer = await put(self._connections, url, machine.next_request(), content)
        except ConnectionFailed as error:
            if not error.retryable:
                raise
            machine.lost()
            return None, error.message
        machine.receive(answer.status, answer.range_header)
        return answer.retry_after_s, f"It answered with status {answer.status}."
