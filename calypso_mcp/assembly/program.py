"""From settings to a running MCP server, without touching disk or network before the first request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from calypso_mcp.assembly.access import Callers, callers
from calypso_mcp.assembly.backends import Backends
from calypso_mcp.domain.access import AccessGrant
from calypso_mcp.domain.scope import ScopeLimit
from calypso_mcp.server.build import build_server
from calypso_mcp.server.calls import CalypsoServer
from calypso_mcp.server.local_files import FilePolicy
from calypso_mcp.server.metrics import Metrics
from calypso_mcp.server.registry import TOOLS
from calypso_mcp.server.state import Backend, ServerState
from calypso_mcp.server.telemetry import Telemetry
from calypso_mcp.settings import Settings


@dataclass(frozen=True, slots=True)
class Program:
    """What runs: the MCP server, what it draws on, and how callers log in."""

    server: CalypsoServer
    state: ServerState
    callers: Callers


@asynccontextmanager
async def running(settings: Settings, *, over_http: bool = False) -> AsyncGenerator[Program]:
    """Run everything `settings` describes for as long as the block lasts.

    Args:
        settings: What the operator decided.
        over_http: Whether callers may be on another machine, where a path means another disk.

    Raises:
        ConfigError: A tool is picked that does not exist, every tool is ruled out, or the access file is
            wrong.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        backends = Backends(settings, tasks)
        try:
            known = callers(settings, backends.accepts) if over_http else Callers()
            state = _state(settings, known.backend_from(backends), known, over_http=over_http)
            if over_http:
                from calypso_mcp.assembly.one_time import one_time_uploads

                state = replace(state, one_time_uploads=one_time_uploads(settings, known))
            yield Program(build_server(state), state, known)
        except Exception as error:  # noqa: BLE001 - raised again below, as itself and not as a group
            failure = error
        finally:
            with anyio.CancelScope(shield=True):
                await backends.aclose()
    if failure is not None:
        raise failure


def _state(
    settings: Settings, backend_for: Callable[[AccessGrant], Backend], known: Callers, *, over_http: bool
) -> ServerState:
    return ServerState(
        backend_for=backend_for,
        grant_for=known.grant_for,
        pin=_pin(settings),
        allow_create=settings.allow_create,
        tools=frozenset(settings.tools) or None,
        read_only=settings.read_only,
        files=_file_policy(settings, over_http=over_http),
        telemetry=Telemetry(
            Metrics(frozenset(spec.name for spec in TOOLS)) if over_http and settings.metrics else None,
            log_questions=settings.log_queries,
        ),
    )


def _pin(settings: Settings) -> ScopeLimit | None:
    if not settings.buckets and settings.agent is None:
        return None
    return ScopeLimit(frozenset(settings.buckets), frozenset({settings.agent} if settings.agent else ()))


def _file_policy(settings: Settings, *, over_http: bool) -> FilePolicy | None:
    """Return which local paths may be uploaded; None turns paths off, as is the rule over HTTP."""
    if not settings.allow_paths or (over_http and not settings.allow_local_files_over_http):
        return None
    return FilePolicy(
        allowed_roots=tuple(str(path) for path in settings.allow_paths),
        allow_secret_names=settings.allow_secret_names,
        scan_secrets=settings.scan_secrets,
    )
