"""Tickets: what a one-time upload address says, sealed so that only servers with the same secret can read it.

A ticket carries everything, so any worker can serve it and nothing has to be remembered.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.domain.uploads.declaration import Declaration, Destination
from calypso_mcp.errors import ContentError, SessionExpired
from calypso_mcp.server.sealing import Seal

#: Longest ticket, in characters; proxies commonly refuse request lines above 8 KB.
_LONGEST = 6_000
_LARGEST_CONTENT = 65_536
UPLOAD_ID_PREFIX = "upload_"
_LONGEST_LINEAGE = 300


@dataclass(frozen=True, slots=True)
class UploadPlace:
    """What an upload id says.

    Attributes:
        expires_at: When its address becomes void, in seconds since 1970.
        lineage: What its versions have in common, where that is not the file name.
    """

    expires_at: int
    bucket_id: str
    filename: str
    lineage: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One upload that was allowed.

    Attributes:
        upload_id: Names the upload to the caller it was issued to; opens nothing.
        expires_at: After this the address is void, in seconds since 1970.
        grant: What the caller may do; checked again when the address is used.
        declaration: What is declared about the file; its destination is the id of one bucket.
        key: The caller's own API key, where that is the credential.
    """

    upload_id: str
    expires_at: int
    grant: AccessGrant
    declaration: Declaration
    most_bytes: int
    key: str | None = field(default=None, repr=False)

    @property
    def bucket_id(self) -> str:
        """Where the file goes."""
        (bucket_id,) = self.declaration.destination.bucket_ids or ("",)
        return bucket_id

    @property
    def place(self) -> UploadPlace:
        """Where to look for the file that came with it."""
        declared = self.declaration
        return UploadPlace(self.expires_at, self.bucket_id, declared.filename, declared.lineage)


def mark_of(upload_id: str) -> dict[str, str]:
    """Return the metadata by which a file is known to have come with an upload, on any machine."""
    return {"upload_id": hashlib.sha256(upload_id.encode()).hexdigest()[:24]}


def expired(message: str) -> SessionExpired:
    """Return the error for an address that was good once, or elsewhere."""
    return SessionExpired(message, hint="Ask for a new one.", code="upload_address_expired", retryable=False)


#: What a sealed ticket says besides the declaration, which stands flat beside it.
_OWN_FIELDS = ("upload_id", "expires_at", "grant", "most_bytes", "key")


class TicketSeal:
    """Seals and opens tickets with a secret that all workers share."""

    def __init__(self, secret: bytes) -> None:
        self._seal = Seal("one-time uploads", secret)
        self._ids = Seal("one-time upload ids", secret)

    def upload_id(self, declaration: Declaration, expires_at: int, owner: str) -> str:
        """Return a new id for an upload, from which any worker learns where its file goes."""
        (bucket_id,) = declaration.destination.bucket_ids or ("",)
        names = [declaration.filename]
        if declaration.lineage != declaration.filename and len(declaration.lineage) <= _LONGEST_LINEAGE:
            names.append(declaration.lineage)
        content = "\0".join((str(expires_at), bucket_id, *names))
        return UPLOAD_ID_PREFIX + self._ids.seal(content.encode(), owner.encode())

    def open_id(self, upload_id: str, owner: str) -> UploadPlace | None:
        """Return where the file of an upload goes; None for an id that was not issued to `owner`."""
        content = self._ids.open(upload_id.removeprefix(UPLOAD_ID_PREFIX), owner.encode())
        if content is None:
            return None
        expires_at, bucket_id, filename, *lineage = content.decode().split("\0")
        return UploadPlace(int(expires_at), bucket_id, filename, *lineage)

    def seal(self, ticket: Ticket) -> str:
        """Return the ticket as text for a URL.

        Raises:
            ContentError: Title, tags and metadata are too long to fit into an address.
        """
        fields = asdict(ticket)
        fields |= {**fields.pop("declaration"), "destination": None, "bucket_id": ticket.bucket_id}
        fields["grant"] = ticket.grant.to_claims()
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
        """Return the ticket; None for anything this secret has not sealed.

        Raises:
            SessionExpired: Another version sealed it, which declares or grants other things.
        """
        packed = self._seal.open(text)
        if packed is None:
            return None
        # Authentic from here on, but a bound costs nothing.
        content: dict[str, Any] = json.loads(zlib.decompressobj().decompress(packed, _LARGEST_CONTENT))
        content["tags"] = tuple(content.get("tags", ()))
        own = {name: content.pop(name) for name in _OWN_FIELDS if name in content}
        try:
            own["grant"] = AccessGrant.from_claims(own["grant"])
            destination = Destination(bucket_ids=(content.pop("bucket_id"),))
            return Ticket(**own, declaration=Declaration(**content, destination=destination))
        except (KeyError, TypeError):
            raise expired("Another version of the server gave out this address.") from None
