"""Answers 400 to a request whose attempt to narrow its scope cannot be understood."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from calypso_mcp.errors import InputError
from calypso_mcp.server.access.answers import refusal
from calypso_mcp.server.access.oauth.protected_resource import MCP_PATH
from calypso_mcp.server.scope.narrowing import check_headers, read_limits
from calypso_mcp.server.transport.page_routes import PREFIX


class ReadableNarrowing:
    """Passes on requests to MCP and of the page whose narrowing can be read, and all other requests."""

    def __init__(self, app: ASGIApp, *, credential_header: str) -> None:
        """Protect `app`; `credential_header` holds the credential and is never taken for narrowing."""
        self._app = app
        self._credential_header = credential_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400 with what to write, or pass the request on."""
        path = scope["path"] if scope["type"] == "http" else ""
        is_mcp = path.rstrip("/") == MCP_PATH
        if is_mcp or path.startswith(f"{PREFIX}/"):
            headers = Headers(scope=scope)
            query = scope["query_string"].decode("latin-1") if is_mcp else ""
            try:
                read_limits(query, headers.items())
                check_headers(headers.keys(), credential_header=self._credential_header)
            except InputError as error:
                await refusal(400, error.code, f"{error.message} {error.hint}")(scope, receive, send)
                return
        await self._app(scope, receive, send)
