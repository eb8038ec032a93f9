"""Refusals of the HTTP layer: short JSON bodies in OAuth's form (RFC 6750) that echo nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


def refusal(status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of `status` that says what was wrong and, where it can help, what to do."""
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
