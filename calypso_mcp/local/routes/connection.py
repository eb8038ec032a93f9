"""`GET /connection`: does this key work? And `GET /openapi.json`: what this API is, for tools."""

from __future__ import annotations

from collections.abc import Sequence

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from calypso_mcp.api import paths
from calypso_mcp.api.connection import ConnectionState, Extension
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer
from calypso_mcp.local.http.operations import Operation
from calypso_mcp.local.identifiers import TEAM_ID


async def check_connection(_: Backend, __: Request) -> Answer:
    """Answer that the key is right, whose it is, and what this backend can do beyond the published API."""
    connection = ConnectionState(status="ok", team_id=TEAM_ID, extensions=tuple(sorted(Extension)))
    return Answer(connection.to_wire())


def describing_route(operations: Sequence[Operation]) -> Route:
    """Return the route that describes `operations`; the document is made once, when it is first asked for.

    It holds no data and asks for no key.
    """
    made: list[Response] = []

    async def describe(_: Request) -> Response:
        if not made:
            from calypso_mcp.local.http.openapi import build_document

            document = await to_thread.run_sync(build_document, operations)
            made.append(JSONResponse(document, headers={"Cache-Control": "no-cache"}))
        return made[0]

    return Route(paths.DESCRIPTION, describe, methods=["GET"])


OPERATIONS = (Operation("GET", paths.CONNECTION, check_connection, {200: (ConnectionState,)}),)
