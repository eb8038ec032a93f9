"""Brings the bytes of one file to its upload address, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from calypso_mcp.client.clock import Clock
from calypso_mcp.client.transport.addresses import check_upload_url
from calypso_mcp.client.transport.sources import BytesSource
from calypso_mcp.client.transport.storage import Content, Storage
from calypso_mcp.domain.resumable import ResumableUpload, UploadRequest, UploadState
from calypso_mcp.domain.retry import RetryPolicy
from calypso_mcp.errors import ConnectionFailed, UploadError

#: Called with the number of bytes the storage has newly acknowledged.
OnKept = Callable[[int], None]

_NOTHING: Final = Content(BytesSource(b""), "application/octet-stream", content_hash="")


class Transfer:
    """Drives `domain.resumable` over HTTP."""

    def __init__(
        self,
        storage: Storage,
        policy: RetryPolicy,
        clock: Clock,
        dice: Callable[[], float],
    ) -> None:
        """Use `storage`, as patiently as `policy` says.

        Args:
            storage: Sends single requests.
            policy: Attempts allowed in a row that move nothing.
            clock: Whose sleep to use.
            dice: Random numbers from 0 to 1.
        """
        self._storage = storage
        self._policy = policy
        self._clock = clock
        self._dice = dice

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
            on_kept: Told of progress.

        Returns:
            Whether everything was there already, so that nothing was sent.

        Raises:
            SessionExpired: The address is gone.
            UploadOutOfStep: The storage claims bytes nobody sent.
            UploadCorrupted: The source changed on the way.
            UploadError: The storage refuses, or gave no progress for too long.
            ContractError: The address is not safe to use.
        """
        check_upload_url(url)
        machine = ResumableUpload(content.source.size_bytes, chunk_bytes, resumed=resumed)
        kept, setbacks, untouched = 0, 0, True
        while not machine.is_done:
            request = machine.next_request()
            untouched = untouched and request.length == 0
            retry_after_s, complaint = await self._exchange(url, machine, request, content)
            if machine.offset > kept:
                if on_kept is not None:
                    on_kept(machine.offset - kept)
                kept, setbacks = machine.offset, 0
            if machine.setback:
                setbacks += 1
                await self._pause(setbacks, retry_after_s, complaint)
        return untouched

    async def kept(self, url: str, size_bytes: int) -> int:
        """Return how many of the `size_bytes` bytes the storage has.

        Raises:
            SessionExpired: The address is gone.
            UploadError: The storage does not say, or gave no answer for too long.
            ContractError: The address is not safe to use.
        """
        check_upload_url(url)
        machine = ResumableUpload(size_bytes, resumed=True)
        setbacks = 0
        while machine.state is UploadState.ASKING:
            retry_after_s, complaint = await self._exchange(url, machine, machine.next_request(), _NOTHING)
            if machine.state is UploadState.ASKING:
                setbacks += 1
                await self._pause(setbacks, retry_after_s, complaint)
        return machine.offset

    async def _exchange(
        self, url: str, machine: ResumableUpload, request: UploadRequest, content: Content
    ) -> tuple[float | None, str]:
        try:
            answer = await self._storage.put(url, request, content)
        except ConnectionFailed as error:
            if not error.retryable:
                raise
            machine.lost()
            return None, error.message
        machine.receive(answer.status, answer.range_header)
        return answer.retry_after_s, f"It answered with status {answer.status}."

    async def _pause(self, setbacks: int, retry_after_s: float | None, complaint: str) -> None:
        delay_s = self._policy.delay_s(
            setbacks, retryable=True, retry_after_s=retry_after_s, jitter=self._dice()
        )
        if delay_s is None:
            raise UploadError(
                f"The storage did not take the bytes in {setbacks} attempts. {complaint}",
                retry_after_s=retry_after_s,
            )
        await self._clock.sleep(delay_s)
