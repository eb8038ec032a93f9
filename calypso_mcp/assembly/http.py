"""From settings to the ASGI application that serves MCP over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from calypso_mcp.server.http import HttpPolicy, create_http_app
from calypso_mcp.server.status_routes import status_routes
from calypso_mcp.server.upload_route import upload_route

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
        routes=tuple(status_routes(program.state, program.state.telemetry.metrics)),
        metrics=program.state.telemetry.metrics,
    )
    if settings.oauth_issuer is not None:
        policy = _announcing(policy, settings)
    uploads = program.state.one_time_uploads
    if uploads is not None:
        policy = replace(policy, routes=(*policy.routes, upload_route(uploads, program.state)))
        if policy.control is not None:
            policy = replace(policy, control=replace(policy.control, capability=uploads.capability))
    return create_http_app(program.server, policy)


def _announcing(policy: HttpPolicy, settings: Settings) -> HttpPolicy:
    """Return `policy` with the document that tells clients where tokens come from."""
    from calypso_mcp.server.access.oauth import resource_metadata

    resource = f"{settings.public_url}/mcp" if settings.public_url else settings.oauth_audience or ""
    if policy.control is None or not resource.startswith(("https://", "http://")):
        return policy
    url, route = resource_metadata(resource, settings.oauth_issuer or "", settings.oauth_required_scopes)
    control = replace(
        policy.control, metadata_url=url, open_paths=policy.control.open_paths | {urlsplit(url).path}
    )
    return replace(policy, control=control, routes=(*policy.routes, route))
