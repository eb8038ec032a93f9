"""Reads the headers of a PUT to a one-time address, and checks its bytes as they arrive."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from calypso_mcp.errors import Conflict

if TYPE_CHECKING:
    from calypso_mcp.api.files import KnowledgeFile

_RANGE = re.compile(r"bytes (?:(\d{1,12})-(\d{1,12})|\*)/(\d{1,12})", re.ASCII)


class Refused(Exception):
    """The request's headers make no sense, or it comes too late; nothing was read."""

    def __init__(self, status: int, error: str, description: str) -> None:
        self.answer = (status, error, description)


@dataclass(frozen=True, slots=True)
class Part:
    """What a PUT carries: bytes `start` to `end` (exclusive) of `total`; no bytes to ask for the offset."""

    start: int
    end: int
    total: int

    @property
    def asks(self) -> bool:
        """Whether it only asks for the offset."""
        return self.start == self.end


@dataclass(slots=True)
class Seen:
    """What has arrived in one request."""

    announced: int
    size_bytes: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, block: bytes) -> None:
        """Count a block."""
        self.size_bytes += len(block)
        self._hash.update(block)

    def check_is(self, file: KnowledgeFile) -> None:
        """Check that `file` holds what arrived, where all of it arrived here and the API has a hash.

        Raises:
            Conflict: Two machines received different files of one size for one ticket at the same time.
        """
        is_whole = self.size_bytes == self.announced and file.sha256 is not None
        if is_whole and file.sha256 != self._hash.hexdigest():
            raise Conflict(
                f"Another file arrived at this address at the same time: {file.id} may hold parts of both.",
                code="already_used",
                hint="Remove it, and call upload_file without a source for a new address.",
            )


def read_part(request: Request, most_bytes: int) -> Part:
    """Return what the request carries.

    Raises:
        Refused: Its headers make no sense, or it is too large.
    """
    length = request.headers.get("content-length", "")
    size = int(length[:13]) if length.isdecimal() else None
    given = request.headers.get("content-range")
    if given is not None:
        part = _ranged(given, size)
    elif size is None:
        raise Refused(411, "length_required", "Send a file, not a pipe: its length must be known.")
    else:
        part = Part(0, size, size)
    if part.total == 0:
        raise Refused(400, "empty_file", "The file is empty.")
    if part.total > most_bytes:
        raise Refused(413, "file_too_large", f"The file may have at most {most_bytes:,} bytes.")
    return part


def _ranged(given: str, size: int | None) -> Part:
    match = _RANGE.fullmatch(given)
    if match is None:
        raise Refused(400, "invalid_range", "Content-Range must be bytes first-last/total, or bytes */total.")
    first, last, total = match.groups()
    part = Part(int(first or 0), int(last) + 1 if last else 0, int(total))
    if part.end > part.total or part.start > part.end or size not in (None, part.end - part.start):
        raise Refused(400, "invalid_range", "Content-Range fits neither its total nor Content-Length.")
    return part
