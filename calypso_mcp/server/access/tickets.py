"""Tickets: what a one-time upload address says, sealed so that only servers with the same secret can read it.

A ticket carries everything, so any worker can serve it and nothing has to be remembered. Sealed with Fernet
(AES-128-CBC and HMAC-SHA-256, encrypt-then-MAC): it can be neither read, guessed nor altered.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

from calypso_mcp.errors import ContentError

#: Longest ticket, in characters; proxies commonly refuse request lines above 8 KB.
_LONGEST = 6_000
_LARGEST_CONTENT = 65_536


@dataclass(frozen=True, slots=True)
class Ticket:
    """One upload that was allowed.

    Attributes:
        upload_id: Names the upload to the caller it was issued to; opens nothing.
        issued_at: When, in seconds since 1970.
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
    issued_at: int
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
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        if len(secret) < 16:  # noqa: PLR2004 - 128 bits
            raise ValueError("a secret needs at least 16 bytes")
        derived = HKDF(SHA256(), length=32, salt=None, info=b"calypso-mcp one-time uploads v1").derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, ticket: Ticket) -> str:
        """Return the ticket as text for a URL.

        Raises:
            ContentError: Title, tags and metadata are too long to fit into an address.
        """
        content = {name: value for name, value in asdict(ticket).items() if value not in (None, ())}
        packed = zlib.compress(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(), 9)
        sealed = self._fernet.encrypt(packed).decode().rstrip("=")
        if len(sealed) > _LONGEST:
            raise ContentError(
                "Title, tags and metadata are too long for a one-time upload address.",
                hint="Shorten the metadata to about 3 KB.",
                code="metadata_too_large",
            )
        return sealed

    def open(self, text: str) -> Ticket | None:
        """Return the ticket; None for anything this secret has not sealed."""
        from cryptography.fernet import InvalidToken

        if not text or len(text) > _LONGEST or not text.isascii():
            return None
        try:
            packed = self._fernet.decrypt(text + "=" * (-len(text) % 4))
        except InvalidToken:
            return None
        # Authentic from here on, but a bound costs nothing.
        content: dict[str, Any] = json.loads(zlib.decompressobj().decompress(packed, _LARGEST_CONTENT))
        content["tags"] = tuple(content.get("tags", ()))
        return Ticket(**content)
