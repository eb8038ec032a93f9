"""How callers over HTTP log in: by access file, by OAuth, with an API key of their own, or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from calypso_mcp.domain.access import AccessGrant
from calypso_mcp.errors import AuthenticationFailed
from calypso_mcp.server.state import Backend, everyone
from calypso_mcp.settings import Settings, environment

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from calypso_mcp.assembly.backends import Backends
    from calypso_mcp.server.access.gate import AccessControl
    from calypso_mcp.server.access.tickets import Ticket


def _no_key(_reference: str) -> SecretStr | None:
    return None


async def _as_issued(ticket: Ticket) -> AccessGrant | None:
    """Return the grant of issue: OAuth callers stand on no list, and the address lives for minutes."""
    return AccessGrant.from_claims(ticket.grant)


@dataclass(frozen=True, slots=True)
class Callers:
    """Who may call, and with which API key.

    Attributes:
        control: How credentials are checked; None where reaching the server is enough.
        grant_for: What the credential of a request allows.
        key_for: The API key that a grant refers to.
        grant_of_ticket: What the caller that an upload address was issued to may do now.
    """

    control: AccessControl | None = None
    grant_for: Callable[[ServerRequestContext[Any, Any]], AccessGrant] = everyone
    key_for: Callable[[str], SecretStr | None] = _no_key
    grant_of_ticket: Callable[[Ticket], Awaitable[AccessGrant | None]] = _as_issued

    def backend_from(self, backends: Backends) -> Callable[[AccessGrant], Backend]:
        """Return what finds the backend of a grant.

        A grant that names a key which has gone gets an error, never the server's own key.
        """

        def backend_for(grant: AccessGrant) -> Backend:
            if not grant.key_reference:
                return backends.of_process()
            key = self.key_for(grant.key_reference)
            if key is None:
                raise AuthenticationFailed("The Calypso API key of this caller is not known any more.")
            return backends.of_key(key)

        return backend_for


def callers(settings: Settings, accepts_key: Callable[[SecretStr], Awaitable[bool]]) -> Callers:
    """Return how callers log in.

    Args:
        settings: What the operator decided.
        accepts_key: Asks Calypso whether it accepts an API key.

    Raises:
        ConfigError: The access file is wrong.
    """
    if settings.access_file is not None:
        return _by_access_file(settings)
    if settings.oauth_issuer is not None:
        return _by_oauth(settings)
    if settings.caller_key_header is not None:
        return _by_own_key(settings.caller_key_header, accepts_key)
    return Callers()


def _by_access_file(settings: Settings) -> Callers:
    from calypso_mcp.server.access.credentials import AccessFileVerifier
    from calypso_mcp.server.access.gate import AccessControl
    from calypso_mcp.server.access.watched_file import WatchedAccessFile

    assert settings.access_file is not None  # noqa: S101 - for the type checker
    file = WatchedAccessFile(settings.access_file, environment())

    async def listed(ticket: Ticket) -> AccessGrant | None:
        return file.grant(ticket.grant["name"])

    return Callers(AccessControl(AccessFileVerifier(file)), _granted, file.key, listed)


def _by_oauth(settings: Settings) -> Callers:
    from calypso_mcp.server.access.gate import AccessControl
    from calypso_mcp.server.access.oauth import OAuthPolicy, OAuthVerifier
    from calypso_mcp.server.access.signing_keys import SigningKeys

    policy = OAuthPolicy(
        issuer=settings.oauth_issuer or "",
        audience=settings.oauth_audience or f"{settings.public_url}/mcp",
        buckets_claim=settings.oauth_buckets_claim,
        write_scope=settings.oauth_write_scope,
        required_scopes=settings.oauth_required_scopes,
    )
    verifier = OAuthVerifier(policy, SigningKeys(settings.oauth_jwks_url or ""))
    return Callers(AccessControl(verifier), _granted)


def _by_own_key(header: str, accepts_key: Callable[[SecretStr], Awaitable[bool]]) -> Callers:
    from calypso_mcp.server.access.caller_keys import CallerKeyVerifier
    from calypso_mcp.server.access.credentials import grant_of_token
    from calypso_mcp.server.access.gate import AccessControl

    verifier = CallerKeyVerifier(accepts_key)

    async def still_accepted(ticket: Ticket) -> AccessGrant | None:
        token = await verifier.verify_token(ticket.key or "")
        return grant_of_token(token) if token else None

    return Callers(AccessControl(verifier, header=header), _granted, verifier.key, still_accepted)


def _granted(request: ServerRequestContext[Any, Any]) -> AccessGrant:
    from calypso_mcp.server.access.credentials import grant_of_request

    return grant_of_request(request)
