"""From settings to the ASGI application that serves MCP over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from calypso_mcp.server.http import HttpPolicy, create_http_app

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from calypso_mcp.assembly.program import Program
    from calypso_mcp.settings import Settings


def http_app(program: Program, settings: Settings) -> ASGIApp:
    """Return the application; its lifespan runs the server.

    Raises:
        ConfigError: It could be reached by other machines without a credential or without allowed hosts.
    """
    public = urlsplit(settings.public_url).netloc if settings.public_url else ""
    policy = HttpPolicy(
        host=settings.host,
        allowed_hosts=(*settings.allowed_hosts, *([public] if public else [])),
        allowed_origins=settings.allowed_origins,
        control=program.callers.control,
    )
    return create_http_app(program.server, policy)
