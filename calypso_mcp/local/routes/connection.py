"""`GET /connection`: does this key work?"""

from __future__ import annotations

from starlette.requests import Request

from calypso_mcp.api.connection import ConnectionState, Extension
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.http.exchange import Answer
from calypso_mcp.local.identifiers import TEAM_ID


async def check_connection(_: Backend, __: Request) -> Answer:
    """Answer that the key is right, whose it is, and what this backend can do beyond the published API."""
    connection = ConnectionState(status="ok", team_id=TEAM_ID, extensions=tuple(sorted(Extension)))
    return Answer(connection.to_wire())
