"""From settings to the ASGI application that serves MCP over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from calypso_mcp.assembly.access import callers
from calypso_mcp.assembly.backends import opened
from calypso_mcp.assembly.one_time import one_time_uploads
from calypso_mcp.assembly.server import file_policy, server_state
from calypso_mcp.server.build import build_server
from calypso_mcp.server.metrics import Metrics
from calypso_mcp.server.quotas.upload_quotas import QUOTA_FILE, UploadQuotas
from calypso_mcp.server.registry import TOOLS
from calypso_mcp.server.telemetry import Telemetry
from calypso_mcp.server.transport.http import HttpPolicy, create_http_app
from calypso_mcp.server.transport.status_routes import status_routes
from calypso_mcp.server.transport.upload_route import upload_route

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from calypso_mcp.settings import Settings


@asynccontextmanager
async def running_app(settings: Settings, stopping: anyio.Event) -> AsyncGenerator[ASGIApp]:
    """Run everything behind the application for as long as the block lasts; its own lifespan must run, too.

    Args:
        settings: The operator's decisions.
        stopping: To be set when the process is about to end: streams without an end of their own end then.

    Raises:
        ConfigError: It could be reached by other machines without a credential or without allowed hosts,
            the access file is wrong, the data folder cannot be used, or no tool is left.
    """
    async with opened(settings) as backends:
        known = callers(settings, backends.accepts)
        metrics = Metrics(frozenset(spec.name for spec in TOOLS)) if settings.metrics else None
        uploads = one_time_uploads(settings, known)
        state = replace(
            server_state(
                settings,
                known.backend_from(backends),
                # Over HTTP a path means a file on another machine than the caller's.
                files=file_policy(settings, over_http=True),
            ),
            grant_for=known.grant_for,
            current_grant=known.current_grant,
            granted_agents=known.granted_agents,
            one_time_uploads=uploads,
            quotas=UploadQuotas(settings.data_dir / QUOTA_FILE),
            telemetry=Telemetry(metrics, log_questions=settings.log_queries),
            stopping=stopping,
        )
        public = urlsplit(settings.public_url).netloc if settings.public_url else ""
        policy = HttpPolicy(
            host=settings.host,
            allowed_hosts=(*settings.allowed_hosts, *([public] if public else [])),
            allowed_origins=settings.allowed_origins,
            control=replace(known.control, capability=uploads.capability) if known.control else None,
            routes=(*status_routes(state, metrics), upload_route(uploads, state)),
            metrics=metrics,
        )
        yield create_http_app(build_server(state), policy)
