"""How callers over HTTP log in: by access file, by OAuth, with an API key of their own, or not at all."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.errors import AuthenticationFailed, ConfigError
from calypso_mcp.server.access.access_file.access_file import WatchedAccessFile
from calypso_mcp.server.access.caller_keys import CallerKeyVerifier
from calypso_mcp.server.access.credentials import (
    CurrentGrant,
    everyone,
    grant_of_request,
    grant_of_token,
    unchanged,
)
from calypso_mcp.server.access.gate import AccessControl
from calypso_mcp.server.access.oauth.protected_resource import MCP_PATH, ProtectedResource
from calypso_mcp.server.access.oauth.resource_server import OAuthPolicy, OAuthVerifier
from calypso_mcp.server.access.oauth.signing_keys import SigningKeys
from calypso_mcp.server.backend import Backend
from calypso_mcp.settings import Settings, environment

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from calypso_mcp.assembly.backends import Backends


def _no_key(_reference: str) -> SecretStr | None:
    return None


@dataclass(frozen=True, slots=True)
class Callers:
    """Who may call, and with which API key.

    Attributes:
        control: How credentials are checked; None if reaching the server is enough.
        brought_key: The same, if the caller brought it along and no other worker may know it.
        refused_key_hint: What to do when Calypso refuses a key that a grant refers to.
        current_grant: What a caller may do by now.
        granted_agents: The agents that any caller's grant names by now.
    """

    control: AccessControl | None = None
    grant_for: Callable[[ServerRequestContext[Any, Any]], AccessGrant] = everyone
    key_for: Callable[[str], SecretStr | None] = _no_key
    brought_key: Callable[[str], SecretStr | None] = _no_key
    refused_key_hint: str = ""
    current_grant: CurrentGrant = unchanged
    granted_agents: Callable[[], frozenset[str]] = frozenset

    def find_backend(self, backends: Backends, grant: AccessGrant) -> Backend:
        """Return the backend of a grant.

        Raises:
            AuthenticationFailed: The key that it names has gone; the server's own never takes its place.
        """
        if not grant.key_reference:
            return backends.of_process()
        key = self.key_for(grant.key_reference)
        if key is None:
            raise AuthenticationFailed(
                "The server no longer knows this caller's Calypso API key.", hint=self.refused_key_hint
            )
        return backends.of_key(key, refused_key_hint=self.refused_key_hint)


def callers(settings: Settings, accepts_key: Callable[[SecretStr], Awaitable[bool]]) -> Callers:
    """Return how callers log in; `accepts_key` asks Calypso whether it accepts an API key.

    Raises:
        ConfigError: The access file is wrong, or names keys that would never be used.
    """
    if settings.access_file is not None:
        return _by_access_file(settings.access_file, settings)
    if settings.oauth_issuer is not None:
        return _by_oauth(settings.oauth_issuer, settings)
    if settings.caller_key_header is not None:
        resource = ProtectedResource(
            _public_mcp(settings), settings.caller_key_header, credential="your Calypso API key"
        )
        return _by_own_key(resource, accepts_key)
    return Callers()


def _public_mcp(settings: Settings) -> str | None:
    return settings.public_url + MCP_PATH if settings.public_url else None


def _by_access_file(path: Path, settings: Settings) -> Callers:
    try:
        file = WatchedAccessFile(path, environment())
    except ConfigError as error:
        raise ConfigError(f"--access-file (CALYPSO_ACCESS_FILE): {error.message}", hint=error.hint) from None
    if file.current().keys and not settings.uses_hosted_api:
        raise ConfigError(
            f"--access-file (CALYPSO_ACCESS_FILE): {path} names Calypso API keys, but the server serves the "
            "embedded Calypso, which does not use them.",
            hint="Add --backend hosted (CALYPSO_BACKEND), or take the keys out of the file.",
        )

    async def still_listed(grant: AccessGrant, _key: str | None) -> AccessGrant | None:
        return file.renewed(grant)

    return Callers(
        control=AccessControl(file, ProtectedResource(_public_mcp(settings))),
        grant_for=grant_of_request,
        key_for=file.key,
        refused_key_hint="The operator must give this agent a valid Calypso API key in the access file.",
        current_grant=still_listed,
        granted_agents=file.agents,
    )


def _by_oauth(issuer: str, settings: Settings) -> Callers:
    public_mcp = _public_mcp(settings)
    audience = settings.oauth_audience or public_mcp or ""
    policy = OAuthPolicy(
        issuer=issuer,
        audience=audience,
        buckets_claim=settings.oauth_buckets_claim,
        write_scope=settings.oauth_write_scope,
    )
    verifier = OAuthVerifier(policy, SigningKeys(settings.oauth_jwks_url or ""))
    audience_is_address = audience.startswith(("https://", "http://"))
    resource = ProtectedResource(
        public_mcp or (audience if audience_is_address else None),
        authorization_servers=(issuer,),
        scopes=(*settings.oauth_required_scopes, *filter(None, [settings.oauth_write_scope])),
    )

    async def still_valid(grant: AccessGrant, _key: str | None) -> AccessGrant | None:
        return None if grant.has_expired(time.time()) else grant

    return Callers(
        control=AccessControl(verifier, resource, required_scopes=settings.oauth_required_scopes),
        grant_for=grant_of_request,
        current_grant=still_valid,
    )


def _by_own_key(resource: ProtectedResource, accepts_key: Callable[[SecretStr], Awaitable[bool]]) -> Callers:
    verifier = CallerKeyVerifier(accepts_key)

    async def still_accepted(grant: AccessGrant, key: str | None) -> AccessGrant | None:
        known = verifier.key(grant.key_reference)
        token = await verifier.verify_token(key or (known.get_secret_value() if known else ""))
        return grant_of_token(token) if token else None

    return Callers(
        control=AccessControl(verifier, resource),
        grant_for=grant_of_request,
        key_for=verifier.key,
        brought_key=verifier.key,
        refused_key_hint=f"Send a valid Calypso API key in {resource.header}: the one you send was revoked.",
        current_grant=still_accepted,
    )
