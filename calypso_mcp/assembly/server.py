"""From settings to what an MCP server is made of."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mcp.server.context import ServerRequestContext

from calypso_mcp.assembly.backends import open_backends
from calypso_mcp.assembly.own_secrets import shared_or_own
from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.backend import Backend
from calypso_mcp.server.build import build_server
from calypso_mcp.server.calls.tool_calls import CalypsoServer
from calypso_mcp.server.conversations import Conversations
from calypso_mcp.server.files.local_files import FilePolicy
from calypso_mcp.server.files.secret_automaton import AUTOMATON_FILE
from calypso_mcp.server.state import ServerState
from calypso_mcp.server.subscriptions import on_one_connection
from calypso_mcp.server.tasks.task_records import TASKS_FILE, TaskRecords
from calypso_mcp.server.tasks.task_runs import TaskRuns
from calypso_mcp.server.telemetry import Telemetry
from calypso_mcp.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from calypso_mcp.domain.files.file_formats import ReadableFormats


@asynccontextmanager
async def running_server(settings: Settings) -> AsyncGenerator[CalypsoServer]:
    """Run everything a server for one local client needs, for as long as the block lasts.

    Raises:
        ConfigError: A tool is picked that does not exist, or every tool is ruled out.
    """
    async with open_backends(settings) as backends:
        state = replace(
            server_state(settings, lambda _grant: backends.of_process()),
            page_address=partial(_page_address, settings),
        )
        server = build_server(state, tasks=task_runs(settings))
        async with on_one_connection(server):
            yield server


def _page_address(settings: Settings, _request: ServerRequestContext[Any, Any]) -> str | None:
    """Return where the page of the data folder is; None if no process serves it, or the API is hosted."""
    if settings.uses_hosted_api:
        return None
    from calypso_mcp.local.processes.served import look_up

    served = look_up(settings.data_dir)
    return f"{served.origin}/" if served else None


def misconfigured_server(problem: ConfigError) -> CalypsoServer:
    """Return a server that offers its tools and answers every call with what is wrong with the settings.

    A server that ends instead shows up as a closed connection, and the person never learns why.
    """
    refusal = ConfigError(
        f"calypso-mcp has a wrong setting. {problem.message}",
        hint=f"{problem.hint} Correct it in the server's configuration, then restart the server.".strip(),
    )

    def backend_for(_grant: AccessGrant) -> Backend:
        raise ConfigError(refusal.message, hint=refusal.hint)

    return build_server(ServerState(backend_for=backend_for, problem=refusal))


def server_state(
    settings: Settings, backend_for: Callable[[AccessGrant], Backend], *, over_http: bool = False
) -> ServerState:
    """Return the state of a server: the part that is the same over every transport."""
    return ServerState(
        backend_for=backend_for,
        pins=_pins(settings),
        allow_create=settings.allow_create,
        confirm_removals=settings.confirm_removals,
        confirm_uploads_over=settings.confirm_uploads_over,
        profile=settings.profile,
        tools=frozenset(settings.tools) or None,
        read_only=settings.read_only,
        files=file_policy(settings, over_http=over_http),
        conversations=conversations(settings),
        telemetry=Telemetry(log_questions=settings.log_queries),
    )


def conversations(settings: Settings) -> Conversations:
    """Return what makes conversation ids that every worker on one data folder can continue.

    The data folder is not touched before the first of them.
    """
    works = "Conversations with agents can be continued"
    return Conversations(lambda: shared_or_own(settings, works, lambda kept, _folder: kept))


def task_runs(settings: Settings) -> TaskRuns | None:
    """Return what runs tasks; the data folder is not touched before the first of them.

    None if machines without a folder in common share a sealing secret: a balancer would send the client of
    a task to machines that do not know it.
    """
    if settings.sealing_secret is not None:
        return None
    account = ""
    if settings.uses_hosted_api:
        from calypso_mcp.client.uploading.sent_ledger import account_of

        key = settings.api_key.get_secret_value() if settings.api_key else ""
        account = account_of(settings.api_base_url, key)
    return TaskRuns(TaskRecords(settings.data_dir / TASKS_FILE), account=account)


def file_policy(settings: Settings, *, over_http: bool = False) -> FilePolicy:
    """Return which local paths may be uploaded: none over HTTP, where a path means the caller's disk."""
    local_paths = settings.allow_local_files_over_http or not over_http
    return FilePolicy(
        allowed_roots=tuple(str(path) for path in settings.allow_paths) if local_paths else (),
        allow_secret_names=settings.allow_secret_names,
        scan_secrets=settings.scan_secrets,
        automaton_file=settings.data_dir / AUTOMATON_FILE,
        reads=None if settings.uses_hosted_api else embedded_formats,
    )


def embedded_formats() -> ReadableFormats:
    """Return what the embedded backend reads."""
    from calypso_mcp.local.indexing.formats.registry import readable_formats

    return readable_formats()


def _pins(settings: Settings) -> tuple[ScopeLimit, ...]:
    buckets = ScopeLimit(buckets=frozenset(settings.buckets)) if settings.buckets else None
    agent = ScopeLimit(agents=frozenset({settings.agent})) if settings.agent is not None else None
    return tuple(limit for limit in (buckets, agent) if limit is not None)
