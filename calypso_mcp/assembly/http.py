"""From settings to the ASGI application that serves MCP over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from mcp.server.context import ServerRequestContext
from starlette.requests import Request

from calypso_mcp import __version__
from calypso_mcp.assembly.access import Callers, callers
from calypso_mcp.assembly.backends import open_backends
from calypso_mcp.assembly.own_secrets import shared_or_own
from calypso_mcp.assembly.server import server_state, task_runs
from calypso_mcp.domain.limits import FILE_BYTES
from calypso_mcp.local.indexing.formats.unreadable import unreadable_endings
from calypso_mcp.page.gate import PageGate, PagePlace
from calypso_mcp.page.sessions import OpenSessions
from calypso_mcp.server.access.gate import TokenSessions
from calypso_mcp.server.access.oauth.protected_resource import MCP_PATH
from calypso_mcp.server.access.refusal_pace import PAGE_PACE, RefusalPace
from calypso_mcp.server.access.upload_quotas import QUOTA_FILE, UploadQuotas
from calypso_mcp.server.build import build_server, offered
from calypso_mcp.server.files.folder_walk import names_left_out
from calypso_mcp.server.metrics import Metrics
from calypso_mcp.server.one_time.one_time_uploads import OneTimePolicy, OneTimeUploads
from calypso_mcp.server.one_time.tickets import TicketSeal
from calypso_mcp.server.one_time.upload_ledger import LEDGER_FILE, UploadLedger
from calypso_mcp.server.registry import PROFILES
from calypso_mcp.server.telemetry import Telemetry
from calypso_mcp.server.transport.http import HttpPolicy, create_http_app
from calypso_mcp.server.transport.page_routes import page_routes
from calypso_mcp.server.transport.status_routes import status_routes
from calypso_mcp.server.transport.upload_route import upload_route

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from calypso_mcp.server.access.gate import AccessControl
    from calypso_mcp.settings import Settings


#: Where the page is.
PAGE_PATH = "/ui/"
#: Returns what each client needs to use a server at an address, as JSON.
ClientSnippets = Callable[[str], Sequence[Mapping[str, str]]]


@asynccontextmanager
async def running_app(
    settings: Settings, stopping: anyio.Event, clients: ClientSnippets = lambda _: []
) -> AsyncGenerator[ASGIApp]:
    """Run everything behind the application for as long as the block lasts; its own lifespan must run, too.

    `stopping` is to be set when the process is about to end: streams without an end of their own end then.

    Raises:
        ConfigError: It could be reached by other machines without a credential or without allowed hosts,
            the access file is wrong, the data folder cannot be used, or no tool is left.
    """
    async with open_backends(settings) as backends:
        known = callers(settings, backends.accepts)
        names = frozenset(spec.name for spec in PROFILES[settings.profile])
        metrics = Metrics(names) if settings.metrics else None
        uploads = one_time_uploads(settings, known)
        state = replace(
            server_state(settings, partial(known.find_backend, backends), over_http=True),
            grant_for=known.grant_for,
            current_grant=known.current_grant,
            granted_agents=known.granted_agents,
            one_time_uploads=uploads,
            quotas=UploadQuotas(settings.data_dir / QUOTA_FILE),
            telemetry=Telemetry(metrics, log_questions=settings.log_queries),
            stopping=stopping,
            page_address=partial(_page_address, settings),
        )
        server = build_server(state, tasks=task_runs(settings))
        tools = frozenset(spec.name for spec in offered(state))
        public = urlsplit(settings.public_url).netloc if settings.public_url else ""
        policy = HttpPolicy(
            host=settings.host,
            allowed_hosts=(*settings.allowed_hosts, *([public] if public else [])),
            allowed_origins=settings.allowed_origins,
            control=replace(known.control, capability=uploads.capability) if known.control else None,
            routes=(
                *status_routes(state, metrics),
                upload_route(uploads, state),
                *page_routes(state, uploads, tools),
            ),
            front=lambda app: _with_page(app, settings, known.control, clients),
            metrics=metrics,
        )
        yield create_http_app(server, policy)


def one_time_uploads(settings: Settings, callers: Callers) -> OneTimeUploads:
    """Return what hands out upload addresses, with a secret and a memory that all workers share."""

    def sealed(secret: bytes, folder: Path | None) -> tuple[TicketSeal, UploadLedger]:
        return TicketSeal(secret), UploadLedger(folder / LEDGER_FILE if folder else None)

    seal, ledger = shared_or_own(settings, "One-time upload addresses work", sealed)
    return OneTimeUploads(
        seal,
        ledger,
        OneTimePolicy(public_url=settings.public_url),
        current_grant=callers.current_grant,
        caller_key=callers.brought_key,
    )


def _page_address(settings: Settings, request: ServerRequestContext[Any, Any]) -> str | None:
    base = settings.public_url or (str(request.request.base_url) if request.request else "")
    return base.rstrip("/") + PAGE_PATH if base else None


def _with_page(
    app: ASGIApp, settings: Settings, control: AccessControl | None, clients: ClientSnippets
) -> ASGIApp:
    # The hosted Calypso itself reports what it cannot read.
    unreadable = [] if settings.uses_hosted_api else unreadable_endings()

    def about(request: Request) -> Mapping[str, Any]:
        address = (settings.public_url or str(request.base_url)).rstrip("/") + MCP_PATH
        return {
            "speaks": "mcp",
            "backend": "hosted" if settings.uses_hosted_api else "embedded",
            "version": __version__,
            "address": address,
            "unreadable": unreadable,
            "left_out": names_left_out(),
            "limits": {"file_bytes": FILE_BYTES},
            "clients": clients(address),
        }

    sessions = OpenSessions() if control is None else TokenSessions(control)
    is_https = (settings.public_url or "").startswith("https:")
    pace = RefusalPace(PAGE_PACE)
    return PageGate(app, PagePlace(PAGE_PATH, "/", is_https=is_https), sessions, about, pace.wait)
