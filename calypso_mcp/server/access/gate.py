"""Guards a protected server: every route, known or not, answers 401 without a credential."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken, TokenVerifier
from starlette.authentication import AuthCredentials
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from calypso_mcp.errors import Busy, CalypsoError, SessionExpired
from calypso_mcp.server.access.answers import failure, refusal
from calypso_mcp.server.access.oauth.protected_resource import ProtectedResource
from calypso_mcp.server.access.refusal_pace import RefusalPace

_log = logging.getLogger(__name__)

#: Says only that the process lives, so a load balancer may ask without a credential.
LIVENESS_PATH = "/healthz"
#: What a cookie may hold as it is (RFC 6265, section 4.1.1), as long as browsers keep.
_COOKIE = re.compile(r"[!#-+\--:<-\[\]-~]{1,3800}")


@dataclass(frozen=True, slots=True)
class AccessControl:
    """How callers of a protected server prove who they are.

    Attributes:
        verifier: Decides about a credential.
        resource: The answer to callers without a credential, and the header that carries the credential.
        capability: Reads the grant out of a path that is itself a credential (a one-time address).
        required_scopes: OAuth scopes that every token must carry; one without them is answered 403.
    """

    verifier: TokenVerifier
    resource: ProtectedResource = field(default_factory=ProtectedResource)
    capability: Callable[[str, str], Awaitable[AccessToken | None]] | None = None
    required_scopes: tuple[str, ...] = ()

    @property
    def open_paths(self) -> tuple[str, str]:
        """Paths that answer without a credential; they reveal nothing."""
        return LIVENESS_PATH, self.resource.metadata_path

    def credential(self, headers: Headers) -> str | None:
        """Return the credential of a request; None if it carries none or several."""
        values = headers.getlist(self.resource.header)
        if len(values) != 1:
            return None
        if not self.resource.takes_bearer_tokens:
            return values[0].strip() or None
        scheme, _, token = values[0].strip().partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None


def _unchecked(retry_after_s: int) -> Response:
    description = "The credential cannot be checked now."
    return refusal(503, "temporarily_unavailable", description, {"Retry-After": str(retry_after_s)})


class AccessGate:
    """Lets a request pass with the grant of its credential, or not at all."""

    def __init__(self, app: ASGIApp, control: AccessControl, pace: RefusalPace) -> None:
        self._open = app
        self._app = AuthContextMiddleware(app)
        self._control = control
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass the request on with its user set."""
        if scope["type"] == "lifespan" or self._is_open(scope):
            await self._open(scope, receive, send)
            return
        token = await self._check(scope)
        if isinstance(token, Response):
            await self._pace.wait()
            await token(scope, receive, send)
            return
        user = AuthenticatedUser(token)
        await self._app({**scope, "user": user, "auth": AuthCredentials(token.scopes)}, receive, send)

    async def _check(self, scope: Scope) -> AccessToken | Response:
        """Return the token of a request, or the answer that refuses it."""
        try:
            token = await self._verify(scope)
        except Busy:
            # Not logged: strangers cause it as often as they like.
            return _unchecked(1)
        except SessionExpired as error:
            return failure(error)
        except CalypsoError as error:
            _log.warning("A credential could not be checked: %s", error.code)
            return _unchecked(5)
        if token is None:
            return self._control.resource.unauthorized(scope)
        if not set(self._control.required_scopes) <= set(token.scopes):
            return self._control.resource.insufficient_scope(scope, self._control.required_scopes)
        return token

    def _is_open(self, scope: Scope) -> bool:
        return scope["method"] in ("GET", "HEAD", "OPTIONS") and scope["path"] in self._control.open_paths

    async def _verify(self, scope: Scope) -> AccessToken | None:
        control = self._control
        if control.capability is not None:
            token = await control.capability(scope["method"], scope["path"])
            if token is not None:
                return token
        credential = control.credential(Headers(scope=scope))
        return None if credential is None else await control.verifier.verify_token(credential)


class TokenSessions:
    """Lets a person in with a token of theirs, and no further than the token would.

    Nothing is kept here, so that any worker answers, and a token that is revoked ends its sessions.
    """

    asks_for: Literal["token"] = "token"

    def __init__(self, control: AccessControl) -> None:
        self._control = control

    async def begin(self, given: str) -> str | None:
        """Return the token; None if it is not valid, or cannot be checked now."""
        if not _COOKIE.fullmatch(given):
            return None
        try:
            token = await self._control.verifier.verify_token(given)
        except CalypsoError:
            return None
        return None if token is None else given

    async def headers(self, cookie: str) -> Mapping[str, str] | None:
        """Return the header with the token; whether it is still valid is decided behind it."""
        resource = self._control.resource
        if not _COOKIE.fullmatch(cookie):
            return None
        return {resource.header: f"Bearer {cookie}" if resource.takes_bearer_tokens else cookie}
