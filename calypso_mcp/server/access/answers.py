"""Refusals of the HTTP layer: short JSON bodies in OAuth's form (RFC 6750) that echo nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping

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


def refusal(status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of `status` that says what was wrong and, if that can help, what to do."""
    return Response(
        json.dumps({"error": error, "error_description": description}, separators=(",", ":")),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


async def send_refusal(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send `response` to a request, or close a websocket that was never accepted."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)


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
