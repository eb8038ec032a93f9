"""One-time upload addresses: how a remote agent brings a file here without a byte passing through a model.

`upload_file` hands out an address on this server: a sealed ticket that names caller, bucket, file name and
largest size, for a few minutes. A PUT to that address needs no other credential; the bytes stream on to the
storage, and what became of them can be asked for by the upload id.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mcp.server.auth.provider import AccessToken
from pydantic import SecretStr
from starlette.requests import Request

from calypso_mcp.domain.callers.access import AccessGrant, owner_of
from calypso_mcp.domain.limits import FILE_BYTES
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.errors import CalypsoError, RateLimited
from calypso_mcp.server.access.credentials import (
    UPLOADS_PREFIX,
    CurrentGrant,
    access_token,
    fingerprint,
    grant_of_http,
    unchanged,
)
from calypso_mcp.server.access.oauth.protected_resource import origin_of
from calypso_mcp.server.one_time.tickets import Ticket, TicketSeal, expired, mark_of
from calypso_mcp.server.one_time.upload_ledger import State, UploadLedger, UploadRecord

if TYPE_CHECKING:
    from calypso_mcp.api.files import KnowledgeFile


_CURL = "curl --fail-with-body --silent --show-error --retry 5 --retry-connrefused"


@dataclass(frozen=True, slots=True)
class OneTimePolicy:
    """How addresses are handed out.

    Attributes:
        lifetime_s: How long one is good for, in seconds.
        checked_every_s: How often it is checked, while a file arrives, that its caller may still call.
        public_url: Where callers reach this server, where that is not what the request says.
        noted_every_s: How often it is noted, while a file arrives, that it still does.
        claimed_s: How long a worker without news is believed to be receiving still, in seconds.
        most_unused: Addresses that one caller may have open without using them.
    """

    lifetime_s: int = 900
    checked_every_s: float = 30.0
    noted_every_s: float = 4.0
    claimed_s: float = 15.0
    most_unused: int = 1_000
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class IssuedUpload:
    """A one-time address. `url` and `command` are credentials: for the caller, never for a log.

    Attributes:
        upload_id: To ask what became of it with.
        expires_at: Until when, as an ISO 8601 time.
    """

    upload_id: str
    url: str = field(repr=False)
    command: str = field(repr=False)
    expires_at: str
    most_bytes: int
    filename: str


class OneTimeUploads:
    """Issues addresses and knows what became of them.

    Args:
        seal: Seals the tickets; the same secret in every worker.
        ledger: Remembers outcomes; shared by workers that have the same folder.
        current_grant: Checks at use whether the ticket's caller may still call.
        caller_key: Returns the API key behind a grant whose caller brought it along; None for others.
    """

    def __init__(
        self,
        seal: TicketSeal,
        ledger: UploadLedger,
        policy: OneTimePolicy | None = None,
        *,
        current_grant: CurrentGrant = unchanged,
        caller_key: Callable[[str], SecretStr | None] = lambda _reference: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.seal = seal
        self.ledger = ledger
        self.policy = policy or OneTimePolicy()
        self._current_grant = current_grant
        self._caller_key = caller_key
        self._clock = clock

    async def issue(self, request: Request, declaration: Declaration) -> IssuedUpload:
        """Return a new address for one file, whose bucket is already checked against the scope.

        Only the caller of this request may ask for the outcome.

        Raises:
            ContentError: A rule on names, tags or metadata is broken.
            RateLimited: The caller has too many addresses that are good and unused.
        """
        declaration.check()
        grant = grant_of_http(request)
        key = self._caller_key(grant.key_reference)
        expires_at = int(self._clock()) + self.policy.lifetime_s
        # No address is good for longer than the credential that it stands for.
        expires_at = min(expires_at, grant.expires_at or expires_at)
        upload_id = self.seal.upload_id(declaration, expires_at, owner_of(grant.name))
        declaration = replace(declaration, metadata={**(declaration.metadata or {}), **mark_of(upload_id)})
        ticket = Ticket(
            upload_id=upload_id,
            expires_at=expires_at,
            grant=grant,
            key=key.get_secret_value() if key else None,
            declaration=replace(declaration, content_type=declaration.media_type),
            most_bytes=FILE_BYTES,
        )
        origin = self.policy.public_url or origin_of(request.scope)
        url = f"{origin}{UPLOADS_PREFIX}{self.seal.seal(ticket)}"
        full_until = await self.ledger.add(record_of(ticket, "issued"), most_unused=self.policy.most_unused)
        if full_until is not None:
            raise RateLimited(
                f"You have {self.policy.most_unused} unused one-time upload addresses.",
                code="too_many_addresses",
                hint="Send the files to the addresses you have, or wait until they expire.",
                retry_after_s=max(1, full_until - int(self._clock())),
            )
        return IssuedUpload(
            upload_id=ticket.upload_id,
            url=url,
            command=f"{_CURL} --upload-file {_quoted(declaration.filename)} '{url}'",
            expires_at=datetime.fromtimestamp(ticket.expires_at, UTC).isoformat().replace("+00:00", "Z"),
            most_bytes=FILE_BYTES,
            filename=declaration.name,
        )

    def open(self, sealed: str) -> Ticket | None:
        """Return the ticket of an address; None for anything this secret has not sealed.

        Raises:
            SessionExpired: The address has expired, or another version gave it out.
        """
        ticket = self.seal.open(sealed)
        if ticket is not None and self._clock() >= ticket.expires_at:
            raise expired("This address has expired.")
        return ticket

    async def capability(self, method: str, path: str) -> AccessToken | None:
        """Return the caller behind an address that is a ticket of ours: the gate's `capability`."""
        # A browser asks with OPTIONS first, and sends no credential with it.
        if method not in ("PUT", "OPTIONS") or not path.startswith(UPLOADS_PREFIX):
            return None
        # An expired one, too: a page cannot read the answer to its preflight request, only that of the route.
        ticket = self.seal.open(path.removeprefix(UPLOADS_PREFIX))
        if ticket is None:
            return None
        grant = await self.grant(ticket)
        return access_token(grant, fingerprint(path)) if grant else None

    async def grant(self, ticket: Ticket) -> AccessGrant | None:
        """Return what the caller behind a ticket may do by now; None where they may no longer call."""
        return await self._current_grant(ticket.grant, ticket.key)


def record_of(
    ticket: Ticket, state: State, *, file: KnowledgeFile | None = None, error: CalypsoError | None = None
) -> UploadRecord:
    """Return how far an upload has come, and what became of it."""
    return UploadRecord(
        upload_id=ticket.upload_id,
        owner=owner_of(ticket.grant.name),
        state=state,
        bucket_id=ticket.bucket_id,
        filename=ticket.declaration.filename,
        expires_at=ticket.expires_at,
        file_id=file.id if file else None,
        task_id=file.task_id if file else None,
        code=error.code if error else None,
        message=error.message if error else None,
    )


def _quoted(filename: str) -> str:
    """Return the file name for a shell; one that curl would read as an option or as stdin gets a folder."""
    return shlex.quote(f"./{filename}" if filename.startswith(("-", ".")) else filename)
