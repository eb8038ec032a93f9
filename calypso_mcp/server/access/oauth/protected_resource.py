"""The answer to a caller without a credential: the challenge and the protected-resource metadata (RFC 9728).

Every way to log in serves the same document. Where no authorization server gives out the credentials (access
file, callers' own keys) it lists none, which section 2 allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from calypso_mcp.server.access.answers import refusal

#: Where MCP answers.
MCP_PATH = "/mcp"
_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_DOCUMENTATION = "https://docs.calypso.so/knowledge-buckets"
#: Clients show this to people, who would look for a way to sign in.
_NO_SIGN_IN = "This server has no sign-in"


def origin_of(scope: Scope) -> str:
    """Return the `scheme://host` that a request was sent to. Its Host header must have been checked."""
    url = URL(scope=scope)
    return f"{url.scheme}://{url.netloc}"


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """The MCP endpoint, as something that needs a credential.

    Attributes:
        url: Its address as clients know it; None: MCP_PATH at the host a request was sent to.
        header: Header the credential arrives in; `Authorization` means a bearer token.
        authorization_servers: Issuers of tokens for it; none if the operator gives out the credentials.
        scopes: OAuth scopes a token needs.
        credential: What to send, in words for people.
    """

    url: str | None = None
    header: str = "Authorization"
    authorization_servers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    credential: str = "the token that the operator of this server gave you"

    @property
    def takes_bearer_tokens(self) -> bool:
        """Whether the credential is a bearer token, and not a key in a header of its own."""
        return self.header.lower() == "authorization"

    @property
    def metadata_path(self) -> str:
        """Path of the document: well-known, and the resource's own path behind it (section 3.1)."""
        path = MCP_PATH if self.url is None else urlsplit(self.url).path
        return _WELL_KNOWN + ("" if path == "/" else path)

    def unauthorized(self, scope: Scope) -> Response:
        """Return the one answer to no, a wrong, an expired and a doubled credential alike."""
        if self.takes_bearer_tokens:
            error = "invalid_token"
            description = (
                "A valid credential is required."
                if self.authorization_servers
                else f"{_NO_SIGN_IN}: send the header Authorization: Bearer TOKEN, with {self.credential}."
            )
            challenge = f'Bearer error="{error}", error_description="{description}"'
            if self.scopes:  # so that a client asks its issuer for them at once (MCP, authorization)
                challenge += f', scope="{" ".join(self.scopes)}"'
        else:
            # No registered scheme has a header of its own; the parameter may go with any (section 5.1).
            error = "invalid_api_key"
            description = (
                f"{_NO_SIGN_IN}: send the header {self.header} with {self.credential} and nothing else."
            )
            challenge = f'ApiKey realm="calypso-mcp", header="{self.header}"'
            challenge += f', error="{error}", error_description="{description}"'
        challenge += f', resource_metadata="{self._metadata_url(scope)}"'
        return refusal(401, error, description, {"WWW-Authenticate": challenge})

    def insufficient_scope(self, scope: Scope, required: tuple[str, ...]) -> Response:
        """Return the answer to a good token that lacks OAuth scopes (RFC 6750, section 3.1)."""
        error, words = "insufficient_scope", " ".join(required)
        description = f"The token must carry these scopes: {words}."
        challenge = (
            f'Bearer error="{error}", error_description="{description}", scope="{words}", '
            f'resource_metadata="{self._metadata_url(scope)}"'
        )
        return refusal(403, error, description, {"WWW-Authenticate": challenge})

    def route(self) -> Route:
        """Return the route that serves the document, to web pages of the allowed origins, too."""
        from mcp.server.auth.routes import cors_middleware

        methods = ["GET", "OPTIONS"]
        return Route(self.metadata_path, cors_middleware(self._metadata, methods), methods=methods)

    async def _metadata(self, request: Request) -> Response:
        document: dict[str, Any] = {
            "resource": self._address(request.scope),
            "resource_name": "calypso-mcp",
            "resource_documentation": _DOCUMENTATION,
            # Empty says that no bearer token is taken (section 2); other empty lists are left out (3.2).
            "bearer_methods_supported": ["header"] if self.takes_bearer_tokens else [],
        }
        if self.authorization_servers:
            document["authorization_servers"] = list(self.authorization_servers)
        if self.scopes:
            document["scopes_supported"] = list(self.scopes)
        return JSONResponse(document, headers={"Cache-Control": "public, max-age=3600"})

    def _metadata_url(self, scope: Scope) -> str:
        parts = urlsplit(self._address(scope))
        return f"{parts.scheme}://{parts.netloc}{self.metadata_path}"

    def _address(self, scope: Scope) -> str:
        return origin_of(scope) + MCP_PATH if self.url is None else self.url
