"""The state of one running server: its backends and settings. It is frozen and holds no caller's data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context

from calypso_mcp.domain.callers.access import AccessGrant, ScopeLimit
from calypso_mcp.domain.limits import UPLOADS_UNASKED
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.access.credentials import CurrentGrant, everyone, unchanged
from calypso_mcp.server.access.upload_quotas import UploadQuotas
from calypso_mcp.server.backend import Backend
from calypso_mcp.server.conversations import Conversations
from calypso_mcp.server.files.local_files import FilePolicy
from calypso_mcp.server.telemetry import Telemetry

if TYPE_CHECKING:
    from calypso_mcp.server.one_time.one_time_uploads import OneTimeUploads


@dataclass(frozen=True, slots=True)
class ServerState:
    """Everything a request may draw on besides itself.

    Attributes:
        backend_for: The backend a grant's requests go to.
        grant_for: What the credential of a request allows.
        current_grant: What the caller of a request that lasts may do by now.
        granted_agents: The agents that any caller's grant names by now.
        pins: The limits the process was started with (`--bucket`, `--agent`); each narrows.
        allow_create: Whether a limited scope may create agents, and the buckets that its limits name.
        confirm_removals: Whether the user has to agree before sources are removed.
        confirm_uploads_over: How many files one call may send before the user has to agree; 0: any number.
        profile: Which of `registry.PROFILES` the tools are from.
        tools: Names of the tools to offer; None for all of the profile.
        read_only: Whether only reading tools are offered.
        files: Which local paths may be uploaded, and what is checked of any content.
        one_time_uploads: Hands out upload addresses on this server; None where it has no routes for them.
        quotas: Counts what callers store.
        conversations: Makes and reads the ids that conversations with agents are continued by.
        telemetry: Logs, traces and counts the calls.
        page_address: Returns the address of the page that a request's caller can open, or None.
        stopping: Set when the process is about to end.
        problem: Why the operator's settings cannot be used; every call is answered with it.
    """

    backend_for: Callable[[AccessGrant], Backend]
    grant_for: Callable[[ServerRequestContext[Any, Any]], AccessGrant] = everyone
    current_grant: CurrentGrant = unchanged
    granted_agents: Callable[[], frozenset[str]] = frozenset
    pins: tuple[ScopeLimit, ...] = ()
    allow_create: bool = False
    confirm_removals: bool = True
    confirm_uploads_over: int = UPLOADS_UNASKED
    profile: str = "full"
    tools: frozenset[str] | None = None
    read_only: bool = False
    files: FilePolicy = field(default_factory=FilePolicy)
    one_time_uploads: OneTimeUploads | None = None
    quotas: UploadQuotas = field(default_factory=UploadQuotas)
    conversations: Conversations = field(default_factory=Conversations)
    telemetry: Telemetry = field(default_factory=Telemetry)
    page_address: Callable[[ServerRequestContext[Any, Any]], str | None] = lambda _: None
    stopping: anyio.Event = field(default_factory=anyio.Event)
    problem: ConfigError | None = None


McpRequest = ServerRequestContext[ServerState, Any]
#: What the SDK hands to a tool.
CallContext = Context[ServerState, Any]
