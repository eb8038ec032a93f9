"""The agents of the team: the default one over all buckets, and named ones, each bound to some."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from calypso_mcp.local.refusals import invalid
from calypso_mcp.local.store import buckets
from calypso_mcp.local.store.buckets import BucketRow
from calypso_mcp.local.text_forms import dump_json, parse_texts
from calypso_mcp.sqlite.rows import insert_rows

BASE_MODEL = "calypso-agent"
#: Named agents at most: callers who create them could fill the disk, and every request reads them all.
MOST_AGENTS = 500
#: The family's name before August 2026, still found in configurations.
_FORMER_BASE_MODEL = "calypso-rag-agent"


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One named agent. `bucket_ids` may name buckets that are gone by now."""

    id: str
    name: str | None
    instructions: str | None
    bucket_ids: tuple[str, ...]
    created_at: float


@dataclass(frozen=True, slots=True)
class AgentScope:
    """An agent (None: the default one) with the buckets it searches and the bindings that are broken."""

    agent: AgentRow | None
    buckets: tuple[BucketRow, ...]
    missing_bucket_ids: tuple[str, ...]

    @property
    def model(self) -> str:
        """The agent's model id."""
        return model_id(self.agent.id) if self.agent else BASE_MODEL


def model_id(agent_id: str) -> str:
    """Return the model id of a named agent."""
    return f"{BASE_MODEL}:{agent_id}"


def list_scopes(connection: sqlite3.Connection) -> list[AgentScope]:
    """Return the scopes of all agents: of the default one, then of the named ones, oldest first."""
    active = _list_active(connection)
    named = [_agent(row) for row in connection.execute("SELECT * FROM agents ORDER BY created_at, id")]
    return [_scope_of(agent, active) for agent in (None, *named)]


def find_scope(connection: sqlite3.Connection, model: str) -> AgentScope:
    """Return the scope of the agent that `model` names (API sheet section 8).

    Raises:
        Refusal: There is none (400 `agent_not_found`).
    """
    family, _, agent_id = model.partition(":")
    if family in {BASE_MODEL, _FORMER_BASE_MODEL}:
        agent = get(connection, agent_id) if agent_id else None
        if agent or not agent_id:
            return scope_of(connection, agent)
    raise invalid(f"Unknown RAG profile: there is no agent {model[:200]!r}.", code="agent_not_found")


def scope_of(connection: sqlite3.Connection, agent: AgentRow | None) -> AgentScope:
    """Return an agent with those of its buckets that are active, and the ids of the others."""
    return _scope_of(agent, _list_active(connection))


def count(connection: sqlite3.Connection) -> int:
    """Return the number of named agents."""
    return connection.execute("SELECT count(*) FROM agents").fetchone()[0]


def get(connection: sqlite3.Connection, agent_id: str) -> AgentRow | None:
    """Return the named agent with this id."""
    row = connection.execute("SELECT * FROM agents WHERE id = ?", (agent_id,)).fetchone()
    return _agent(row) if row else None


def put(connection: sqlite3.Connection, agent: AgentRow) -> None:
    """Add an agent, or replace the one that has its id."""
    row = asdict(agent) | {"bucket_ids": dump_json(agent.bucket_ids)}
    insert_rows(connection, "agents", row, conflict="REPLACE")


def _agent(row: sqlite3.Row) -> AgentRow:
    fields = dict(row)
    fields["bucket_ids"] = parse_texts(fields["bucket_ids"])
    return AgentRow(**fields)


def _list_active(connection: sqlite3.Connection) -> dict[str, BucketRow]:
    return {bucket.id: bucket for bucket in buckets.list_all(connection)}


def _scope_of(agent: AgentRow | None, active: Mapping[str, BucketRow]) -> AgentScope:
    if agent is None:
        return AgentScope(None, tuple(active.values()), ())
    return AgentScope(
        agent,
        tuple(active[bucket_id] for bucket_id in agent.bucket_ids if bucket_id in active),
        tuple(bucket_id for bucket_id in agent.bucket_ids if bucket_id not in active),
    )
