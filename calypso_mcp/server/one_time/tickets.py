"""Tickets: what a one-time upload address says, sealed so that only servers with the same secret can read it.

A ticket carries everything, so any worker can serve it and nothing has to be remembered.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

from calypso_mcp.errors import ContentError
from calypso_mcp.server.sealing import Seal

#: Longest ticket, in characters; proxies commonly refuse request lines above 8 KB.
_LONGEST = 6_000
_LARGEST_CONTENT = 65_536


@dataclass(frozen=True, slots=True)
class Ticket:
    """One upload that was allowed.

    Attributes:
        upload_id: Names the upload to the caller it was issued to; opens nothing.
        expires_at: After this the address is void, in seconds since 1970.
        grant: The grant of the caller, as claims; checked again when the address is used.
        key: The caller's own API key, where that is the credential.
        bucket_id: Where the file goes.
        filename: What it is called.
        content_type: Its MIME type.
        most_bytes: Largest size.
        title: Its title.
        tags: Its tags.
        metadata: Its metadata.
    """

    upload_id: str
    expires_at: int
    grant: dict[str, Any]
    bucket_id: str
    filename: str
    content_type: str
    most_bytes: int
    title: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None
    key: str | None = field(default=None, repr=False)


class TicketSeal:
    """Seals and opens tickets with a secret that all workers share.

    Args:
        secret: At least 16 random bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._seal = Seal("one-time uploads", secret)

    def seal(self, ticket: Ticket) -> str:
        """Return the ticket as text for a URL.

        Raises:
            ContentError: Title, tags and metadata are too long to fit into an address.
        """
        content = {name: value for name, value in asdict(ticket).items() if value not in (None, ())}
        packed = zlib.compress(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(), 9)
        sealed = self._seal.seal(packed)
        if len(sealed) > _LONGEST:
            raise ContentError(
                "Title, tags and metadata are too long for a one-time upload address.",
                hint="Shorten the metadata to about 3 KB.",
                code="metadata_too_large",
            )
        return sealed

    def open(self, text: str) -> Ticket | None:
        """Return the ticket; None for anything this secret has not sealed."""
        packed = self._seal.open(text) if len(text) <= _LONGEST else None
        if packed is None:
            return None
        # Authentic from here on, but a bound costs nothing.
        content: dict[str, Any] = json.loads(zlib.decompressobj().decompress(packed, _LARGEST_CONTENT))
        content["tags"] = tuple(content.get("tags", ()))
        return Ticket(**content)
