"""`GET /openapi.json`: what this API is, for tools. It holds no data and asks for no key."""

from __future__ import annotations

from collections.abc import Sequence

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calypso_mcp.api import paths
from calypso_mcp.local.http.operations import Operation


def route(operations: Sequence[Operation]) -> Route:
    """Return the route that describes `operations`; the document is made once, when it is first asked for."""
    made: list[Response] = []

    async def describe(_: Request) -> Response:
        if not made:
            from calypso_mcp.local.http.openapi import build_document

            document = await to_thread.run_sync(build_document, operations)
            made.append(JSONResponse(document, headers={"Cache-Control": "no-cache"}))
        return made[0]

    return Route(paths.DESCRIPTION, describe, methods=["GET"])
