"""The agents of the team: the default one over all buckets, and named ones (API sheet section 8)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from calypso_mcp.local.refusals import invalid
from calypso_mcp.local.store import agents, buckets
from calypso_mcp.local.store.agents import AgentRow
from calypso_mcp.local.store.buckets import BucketRow

BASE_MODEL = "calypso-agent"
#: Named agents at most: callers who create them could fill the disk, and every request reads them all.
MOST_AGENTS = 500
#: The family's name before August 2026, still found in configurations.
_FORMER_BASE_MODEL = "calypso-rag-agent"


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


def list_all(connection: sqlite3.Connection) -> list[AgentScope]:
    """Return all agents, the default one first."""
    active = _active(connection)
    return [_scope_of(agent, active) for agent in (None, *agents.list_all(connection))]


def find(connection: sqlite3.Connection, model: str) -> AgentScope:
    """Return the agent that `model` names.

    Raises:
        Refusal: There is none (400 `agent_not_found`).
    """
    family, _, agent_id = model.partition(":")
    if family in {BASE_MODEL, _FORMER_BASE_MODEL}:
        agent = agents.get(connection, agent_id) if agent_id else None
        if agent or not agent_id:
            return scope_of(connection, agent)
    raise invalid(f"Unknown RAG profile: there is no agent {model[:200]!r}.", code="agent_not_found")


def scope_of(connection: sqlite3.Connection, agent: AgentRow | None) -> AgentScope:
    """Return an agent with those of its buckets that are active, and the ids of the others."""
    return _scope_of(agent, _active(connection))


def _active(connection: sqlite3.Connection) -> dict[str, BucketRow]:
    return {bucket.id: bucket for bucket in buckets.list_all(connection)}


def _scope_of(agent: AgentRow | None, active: Mapping[str, BucketRow]) -> AgentScope:
    if agent is None:
        return AgentScope(None, tuple(active.values()), ())
    return AgentScope(
        agent,
        tuple(active[bucket_id] for bucket_id in agent.bucket_ids if bucket_id in active),
        tuple(bucket_id for bucket_id in agent.bucket_ids if bucket_id not in active),
    )
