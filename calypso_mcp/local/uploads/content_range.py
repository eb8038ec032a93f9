"""Reads the headers of a PUT to an upload address (GCS resumable protocol)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_RANGE = re.compile(r"bytes (?:(?P<start>\d{1,18})-(?P<end>\d{1,18})|\*)/(?P<total>\d{1,18}|\*)", re.ASCII)


class BadRange(Exception):
    """The headers contradict each other or the announced size; the message says how."""


def read_range(header: str | None, *, content_length: int | None, size_bytes: int) -> range | None:
    """Return the bytes that the request carries; None if it asks how many bytes are stored.

    A request without a Content-Range carries the whole object, whose announced size is `size_bytes`.

    Raises:
        BadRange: It cannot be part of this object.
    """
    if header is None:
        part = range(size_bytes)
    else:
        matched = _RANGE.fullmatch(header.strip())
        if matched is None:
            raise BadRange("Content-Range must look like 'bytes 0-99/100' or 'bytes */100'.")
        if matched["total"] not in {"*", str(size_bytes)}:
            raise BadRange(f"Content-Range names another total than the announced {size_bytes} bytes.")
        if matched["start"] is None:
            if content_length:
                raise BadRange("A request with 'bytes */' has no body.")
            return None
        part = range(int(matched["start"]), int(matched["end"]) + 1)
    if part.stop <= part.start or part.stop > size_bytes:
        raise BadRange(f"The range lies outside the announced {size_bytes} bytes.")
    if content_length is not None and content_length != part.stop - part.start:
        raise BadRange(f"The body has {content_length} bytes, but its range has {part.stop - part.start}.")
    return part


def read_hashes(headers: Iterable[str]) -> dict[str, str]:
    """Return the base64 hashes of `X-Goog-Hash` headers by name; unknown kinds are left out."""
    found: dict[str, str] = {}
    for entry in ",".join(headers).split(","):
        name, _, value = entry.strip().partition("=")
        if name in {"crc32c", "md5"} and value:
            found[name] = value
    return found
