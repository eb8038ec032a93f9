"""Credentials of a request: from its headers to the grant that travels with it.

Three ways to log in, each an SDK `TokenVerifier`: tokens of the access file, OAuth access tokens (`oauth`),
and each caller's own Calypso API key. What a handler sees later is never the credential itself, only the
grant and a fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.requests import Request

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext


#: The claim of an `AccessToken` that carries our grant.
_GRANT_CLAIM = "calypso"
#: Path of every one-time upload address; its credential follows. Bodies sent there are streamed on unread.
UPLOADS_PREFIX = "/uploads/"
#: Longer credentials are refused unread, in characters.
LONGEST_TOKEN = 8_192
#: The grant of a caller who needs no credential.
ANYONE = AccessGrant(name="")
#: What a request that reached a handler without any grant may do: nothing.
NO_ACCESS = AccessGrant(name="no access", limit=ScopeLimit(), read_only=True)

#: Returns what a caller may do now, None when they may no longer call. Takes what they might do before, and
#: the API key they brought along, if it is at hand.
CurrentGrant = Callable[[AccessGrant, str | None], Awaitable[AccessGrant | None]]


def access_token(
    grant: AccessGrant,
    credential_fingerprint: str,
    *,
    claims: Mapping[str, Any] | None = None,
    expires_at: int | None = None,
    resource: str | None = None,
    scopes: tuple[str, ...] = (),
    subject: str | None = None,
) -> AccessToken:
    """Return `grant` in the form in which the SDK hands it to handlers."""
    return AccessToken(
        # The SDK prints this model in debug output, so the credential itself must not be in it.
        token=credential_fingerprint,
        client_id=grant.name,
        scopes=list(scopes),
        expires_at=expires_at,
        resource=resource,
        subject=subject,
        claims={**(claims or {}), _GRANT_CLAIM: grant},
    )


def fingerprint(secret: str) -> str:
    """Return a short name for a high-entropy secret that does not lead back to it."""
    return hashlib.sha256(
        b"calypso-mcp fingerprint\0" + secret.encode("utf-8", "surrogateescape")
    ).hexdigest()[:16]


def grant_of_user(user: object) -> AccessGrant:
    """Return the grant that the gate put into a request's `user`; NO_ACCESS without one."""
    return grant_of_token(user.access_token) if isinstance(user, AuthenticatedUser) else NO_ACCESS


def grant_of_token(token: AccessToken) -> AccessGrant:
    """Return the grant in a verified token; NO_ACCESS without one."""
    grant = (token.claims or {}).get(_GRANT_CLAIM)
    return grant if isinstance(grant, AccessGrant) else NO_ACCESS


def grant_of_request(request: ServerRequestContext[Any, Any]) -> AccessGrant:
    """Return what the credential of an MCP request allows; NO_ACCESS if none was checked."""
    http = request.request
    return grant_of_user(http.scope.get("user")) if isinstance(http, Request) else NO_ACCESS


def grant_of_http(request: Request) -> AccessGrant:
    """Return what the caller of a route beside MCP may do; without a gate all callers are the same."""
    user = request.scope.get("user")
    return ANYONE if user is None else grant_of_user(user)


def everyone(_request: ServerRequestContext[Any, Any]) -> AccessGrant:
    """Grant everything: for stdio and loopback, where starting the server is the credential."""
    return ANYONE


async def unchanged(grant: AccessGrant, _key: str | None) -> AccessGrant:
    """Return `grant`: without logins, no grant is ever withdrawn."""
    return grant
