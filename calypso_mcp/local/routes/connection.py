"""`GET /connection`: does this key work?"""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from calypso_mcp.api import paths
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.exchange import Answer, endpoint


async def check_connection(backend: Backend, _: Request) -> Answer:
    """Answer that the key is right and whose it is."""
    return Answer({"object": "connection", "status": "ok", "team_id": backend.options.team_id})


ROUTES = (Route(paths.CONNECTION, endpoint(check_connection), methods=["GET"]),)
