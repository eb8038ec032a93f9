"""Refusals of the HTTP layer: short JSON bodies that repeat no secret.

They have OAuth's form (RFC 6750), or for clients of MCP that of JSON-RPC, which they show to people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from calypso_mcp.errors import (
    ApiError,
    CalypsoError,
    ConnectionFailed,
    InputError,
    QuotaExceeded,
    ScopeError,
    SessionExpired,
)

#: What every client of MCP accepts (MCP, streamable HTTP).
_OF_MCP = "text/event-stream"


class _Refusal(Response):
    media_type = "application/json"

    def __init__(self, status: int, error: str, description: str, headers: Mapping[str, str]) -> None:
        super().__init__(_dump({"error": error, "error_description": description}), status, headers)
        code = INTERNAL_ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else INVALID_REQUEST
        self._for_mcp = _dump(
            {
                "jsonrpc": "2.0",
                "id": None,
                "error": {"code": code, "message": description, "data": {"code": error}},
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the form that the client reads."""
        if _OF_MCP in Headers(scope=scope).get("accept", ""):
            self.body = self._for_mcp
            self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def _dump(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def refusal(status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of `status` that says what was wrong and, if that can help, what to do."""
    return _Refusal(status, error, description, {"Cache-Control": "no-store", **(headers or {})})


def _status_of(error: CalypsoError) -> int:
    if isinstance(error, ScopeError):
        return 404
    if isinstance(error, SessionExpired):
        return 410
    if isinstance(error, QuotaExceeded):
        return 507  # RFC 4331, section 6
    if isinstance(error, InputError):
        return 400
    if isinstance(error, ApiError) and error.status in (404, 409, 413, 429):
        return error.status
    return 502 if isinstance(error, ApiError | ConnectionFailed) and not error.retryable else 503


def failure(error: CalypsoError) -> Response:
    """Return the answer to a request that failed with `error`, in its own words."""
    headers = {"Retry-After": str(max(1, round(error.retry_after_s or 1)))} if error.retryable else None
    return refusal(_status_of(error), error.code, f"{error.message} {error.hint}".strip(), headers)
