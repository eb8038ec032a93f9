"""What one running server holds: its backends and the operator's decisions. Frozen; nothing of a caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import anyio
from mcp.server.context import ServerRequestContext

from calypso_mcp.api.connection import Extension
from calypso_mcp.domain.access import AccessGrant
from calypso_mcp.domain.limits import SearchLimits, UploadLimits
from calypso_mcp.domain.scope import ScopeLimit
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.conversations import Conversations
from calypso_mcp.server.scope.abilities import Abilities
from calypso_mcp.server.scope.catalogue import Catalogue
from calypso_mcp.server.telemetry import Telemetry
from calypso_mcp.server.upload_quotas import UploadQuotas

if TYPE_CHECKING:
    from calypso_mcp.client import CalypsoClient
    from calypso_mcp.server.files.local_files import FilePolicy
    from calypso_mcp.server.one_time.one_time_uploads import OneTimeUploads

#: The grant of a caller who needs no credential.
ANYONE = AccessGrant(name="")

#: Returns what a caller may do now, None when they may no longer call. Takes what they might do before, and
#: the API key they brought along, where it is at hand.
CurrentGrant = Callable[[AccessGrant, str | None], Awaitable[AccessGrant | None]]


def no_agents() -> frozenset[str]:
    """Return that no grant names an agent."""
    return frozenset()


BackendLabel = Literal["hosted", "embedded"]


@dataclass(frozen=True, slots=True)
class Backend:
    """One Calypso API as one API key sees it."""

    client: CalypsoClient
    catalogue: Catalogue
    label: BackendLabel
    abilities: Abilities

    @classmethod
    def of(cls, client: CalypsoClient, label: BackendLabel) -> Backend:
        """Return the backend of an open client, with an empty catalogue."""
        # The embedded one is of this version: it need not be started to be known.
        known = frozenset(Extension) if label == "embedded" else None
        return cls(client, Catalogue(client), label, Abilities(client, known))


def everyone(_request: ServerRequestContext[Any, Any]) -> AccessGrant:
    """Grant everything: for stdio and loopback, where starting the server is the credential."""
    return ANYONE


async def unchanged(grant: AccessGrant, _key: str | None) -> AccessGrant:
    """Return `grant`: where nobody logs in, nothing is ever taken back."""
    return grant


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
        tools: Names of the tools to offer; None for all.
        read_only: Whether only reading tools are offered.
        files: Which local paths may be uploaded; None turns local paths off.
        one_time_uploads: Hands out upload addresses on this server; None where it has no routes for them.
        quotas: Counts what callers store.
        conversations: Makes and reads the ids that conversations with agents are continued by.
        telemetry: Logs, traces and counts the calls.
        stopping: Set when the process is about to end.
        problem: Why the operator's settings cannot be used; every call is answered with it.
    """

    backend_for: Callable[[AccessGrant], Backend]
    grant_for: Callable[[ServerRequestContext[Any, Any]], AccessGrant] = everyone
    current_grant: CurrentGrant = unchanged
    granted_agents: Callable[[], frozenset[str]] = no_agents
    pins: tuple[ScopeLimit, ...] = ()
    allow_create: bool = False
    confirm_removals: bool = True
    tools: frozenset[str] | None = None
    read_only: bool = False
    files: FilePolicy | None = None
    one_time_uploads: OneTimeUploads | None = None
    quotas: UploadQuotas = field(default_factory=UploadQuotas)
    conversations: Conversations = field(default_factory=Conversations)
    telemetry: Telemetry = field(default_factory=Telemetry)
    stopping: anyio.Event = field(default_factory=anyio.Event)
    problem: ConfigError | None = None
    upload_limits: UploadLimits = field(default_factory=UploadLimits)
    search_limits: SearchLimits = field(default_factory=SearchLimits)
