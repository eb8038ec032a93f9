"""The agents of the team: the default one over all buckets, and named ones (API sheet section 8)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from calypso_mcp.local.refusals import invalid
from calypso_mcp.local.store import agents, buckets
from calypso_mcp.local.store.agents import AgentRow
from calypso_mcp.local.store.buckets import BucketRow

BASE_MODEL = "calypso-agent"
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
    active = buckets.list_all(connection)
    named = [scope_of(agent, active) for agent in agents.list_all(connection)]
    return [AgentScope(None, tuple(active), ()), *named]


def find(connection: sqlite3.Connection, model: str) -> AgentScope:
    """Return the agent that `model` names.

    Raises:
        Refusal: There is none (400 `agent_not_found`).
    """
    family, _, agent_id = model.partition(":")
    if family in {BASE_MODEL, _FORMER_BASE_MODEL}:
        active = buckets.list_all(connection)
        if not agent_id:
            return AgentScope(None, tuple(active), ())
        agent = agents.get(connection, agent_id)
        if agent is not None:
            return scope_of(agent, active)
    raise invalid(f"Unknown RAG profile: there is no agent {model[:200]!r}.", code="agent_not_found")


def scope_of(agent: AgentRow, active: Sequence[BucketRow]) -> AgentScope:
    """Return an agent with those of its buckets that are `active`, and the ids of the others."""
    by_id = {bucket.id: bucket for bucket in active}
    return AgentScope(
        agent,
        tuple(by_id[bucket_id] for bucket_id in agent.bucket_ids if bucket_id in by_id),
        tuple(bucket_id for bucket_id in agent.bucket_ids if bucket_id not in by_id),
    )
