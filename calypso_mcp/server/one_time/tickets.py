"""Tickets: what a one-time upload address says, sealed so that only servers with the same secret can read it.

A ticket carries everything, so any worker can serve it and nothing has to be remembered.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

from calypso_mcp.domain.declaration import Declaration, Destination
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
        declaration: What is declared about the file; its destination is the id of one bucket.
        most_bytes: Largest size.
        key: The caller's own API key, where that is the credential.
    """

    upload_id: str
    expires_at: int
    grant: dict[str, Any]
    declaration: Declaration
    most_bytes: int
    key: str | None = field(default=None, repr=False)

    @property
    def bucket_id(self) -> str:
        """Where the file goes."""
        (bucket_id,) = self.declaration.destination.bucket_ids or ("",)
        return bucket_id


#: What a sealed ticket says besides the declaration, which stands flat beside it.
_OWN_FIELDS = ("upload_id", "expires_at", "grant", "most_bytes", "key")


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
        fields = asdict(ticket)
        fields |= {**fields.pop("declaration"), "destination": None, "bucket_id": ticket.bucket_id}
        content = {name: value for name, value in fields.items() if value not in (None, ())}
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
        own = {name: content.pop(name) for name in _OWN_FIELDS if name in content}
        destination = Destination(bucket_ids=(content.pop("bucket_id"),))
        return Ticket(**own, declaration=Declaration(**content, destination=destination))
