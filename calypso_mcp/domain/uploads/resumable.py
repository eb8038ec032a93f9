"""The client's side of one resumable upload, as a state machine without I/O (GCS protocol).

Theory of operation. The machine always knows one of two things: how many bytes the storage has kept
(SENDING), or that it has to ask (ASKING). While sending, the next request carries everything from that
offset on, or one chunk of it. An answer finishes the upload, states the new offset (308), or leaves it
unknown (408, 429, 5xx, no answer at all), after which the offset has to be asked for with an empty
`bytes */N`. The same happens when a finished address is asked again: it answers 200, which ends the upload
without a byte being sent. So whatever is lost on the way, the bytes are stored once and in order.

    next_request() -> send it -> receive(status, range) or lost() -> is_done?

`setback` says after each exchange whether it moved nothing, so that the caller waits before the next one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from calypso_mcp.domain.retry import is_retryable_status
from calypso_mcp.errors import SessionExpired, UploadError, UploadOutOfStep

_FINISHED: Final = frozenset({200, 201})
_INCOMPLETE: Final = 308
_GONE: Final = frozenset({404, 410})
_FULL: Final = 507
_NOT_ACCEPTED: Final = frozenset({401, 403})
_REDIRECTS: Final = frozenset({301, 302, 303, 307})

_RANGE: Final = re.compile(r"(?:bytes=)?0-(\d{1,19})", re.ASCII)


class UploadState(StrEnum):
    """What the machine knows."""

    #: The storage has kept `offset` bytes.
    SENDING = "sending"
    #: The client does not know how many bytes the storage has kept.
    ASKING = "asking"
    #: The object is complete.
    DONE = "done"


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """One PUT to the upload address.

    Attributes:
        length: Bytes to send; 0 asks for the offset (or stores an empty object).
    """

    content_range: str
    offset: int
    length: int


class ResumableUpload:
    """The conversation with one upload address."""

    def __init__(self, total_bytes: int, chunk_bytes: int | None = None, *, resumed: bool = False) -> None:
        """Begin.

        Args:
            total_bytes: Size of the object.
            chunk_bytes: Most bytes in one request, a multiple of 262,144; None for all that is missing.
            resumed: Whether the address may hold bytes from an earlier run. It is then asked first, and
                believed when it has more than was sent from here.
        """
        self.total_bytes = total_bytes
        self.offset = 0
        self.state = UploadState.ASKING if resumed else UploadState.SENDING
        self.setback = False
        #: Whether no request has carried bytes.
        self.untouched = True
        self._chunk_bytes = chunk_bytes or total_bytes
        self._most_believable = total_bytes if resumed else 0

    @property
    def is_done(self) -> bool:
        """Whether the object is complete."""
        return self.state is UploadState.DONE

    def next_request(self) -> UploadRequest:
        """Return what to send now."""
        length = min(self._chunk_bytes, self.total_bytes - self.offset)
        if self.state is UploadState.ASKING or length == 0:
            return UploadRequest(f"bytes */{self.total_bytes}", self.offset, 0)
        end = self.offset + length
        self._most_believable = max(self._most_believable, end)
        self.untouched = False
        return UploadRequest(f"bytes {self.offset}-{end - 1}/{self.total_bytes}", self.offset, length)

    def receive(self, status: int, range_header: str | None) -> None:
        """Take the answer to the last request; a 308 without a `Range` header has kept nothing.

        Raises:
            SessionExpired: The address is gone (404, 410).
            UploadOutOfStep: It claims bytes that were never sent, or an unreadable range.
            UploadError: It refuses in a way that no repetition changes.
        """
        if status in _FINISHED:
            self.offset = self.total_bytes
            self.state = UploadState.DONE
            self.setback = False
        elif status == _INCOMPLETE:
            self._keep(self._kept(range_header))
        elif status in _GONE:
            raise SessionExpired
        elif is_retryable_status(status):
            self.lost()
        elif status == _FULL:
            raise UploadError(
                "The storage has no room for the file (status 507).",
                hint="Make room there, then make the same call again; nothing is sent twice.",
                code="storage_full",
            )
        elif status in _NOT_ACCEPTED:
            raise UploadError(f"The storage did not accept the upload address (status {status}).")
        elif status in _REDIRECTS:
            raise UploadError(
                f"The storage redirected the upload (status {status}). Nothing was sent there, because "
                f"calypso-mcp trusts only the address from the API.",
                hint="The operator must let the server reach the storage without a proxy that redirects.",
                retryable=False,
            )
        else:
            raise UploadError(
                f"The storage refused the bytes (status {status}).",
                hint="The same bytes would be refused again; check the file.",
                retryable=False,
            )

    def lost(self) -> None:
        """Note that the last request got no answer: it may have arrived whole, in part or not at all."""
        self.state = UploadState.ASKING
        self.setback = True

    def _keep(self, kept: int) -> None:
        # Any offset that was asked for is progress, except the last one: a storage that has every byte and
        # does not finish would be asked forever.
        is_asking = self.state is UploadState.ASKING
        self.setback = kept == self.total_bytes if is_asking else kept <= self.offset
        self.offset = kept
        self.state = UploadState.SENDING

    def _kept(self, range_header: str | None) -> int:
        if range_header is None or not range_header.strip():
            return 0
        match = _RANGE.fullmatch(range_header.strip())
        if match is None:
            raise UploadOutOfStep("The storage acknowledged a range that cannot be read.", retryable=False)
        kept = int(match[1]) + 1
        if kept > self._most_believable:
            raise UploadOutOfStep(retryable=False)
        return kept
