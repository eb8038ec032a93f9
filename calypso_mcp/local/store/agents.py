"""Named agents and the buckets bound to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from calypso_mcp.local.text_forms import dump_json, parse_texts
from calypso_mcp.sqlite.rows import insert_row


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One named agent. `bucket_ids` may name buckets that are gone by now."""

    id: str
    name: str | None
    instructions: str | None
    bucket_ids: tuple[str, ...]
    created_at: float


def list_all(connection: sqlite3.Connection) -> list[AgentRow]:
    """Return the named agents, oldest first."""
    return [_agent(row) for row in connection.execute("SELECT * FROM agents ORDER BY created_at, id")]


def count(connection: sqlite3.Connection) -> int:
    """Return the number of named agents."""
    return connection.execute("SELECT count(*) FROM agents").fetchone()[0]


def get(connection: sqlite3.Connection, agent_id: str) -> AgentRow | None:
    """Return the agent with this id."""
    row = connection.execute("SELECT * FROM agents WHERE id = ?", (agent_id,)).fetchone()
    return _agent(row) if row else None


def insert(
    connection: sqlite3.Connection,
    *,
    agent_id: str,
    name: str | None,
    instructions: str | None,
    bucket_ids: Sequence[str],
    now: float,
) -> AgentRow:
    """Add an agent whose id is free."""
    agent = AgentRow(agent_id, name, instructions, tuple(bucket_ids), now)
    insert_row(connection, "agents", asdict(agent) | {"bucket_ids": dump_json(list(bucket_ids))})
    return agent


def update(
    connection: sqlite3.Connection,
    agent: AgentRow,
    *,
    name: str | None,
    instructions: str | None,
    bucket_ids: Sequence[str] | None,
) -> AgentRow:
    """Change what is not None of an agent."""
    changed = replace(
        agent,
        name=agent.name if name is None else name,
        instructions=agent.instructions if instructions is None else instructions,
        bucket_ids=agent.bucket_ids if bucket_ids is None else tuple(bucket_ids),
    )
    connection.execute(
        "UPDATE agents SET name = ?, instructions = ?, bucket_ids = ? WHERE id = ?",
        (changed.name, changed.instructions, dump_json(list(changed.bucket_ids)), agent.id),
    )
    return changed


def _agent(row: sqlite3.Row) -> AgentRow:
    fields = dict(row)
    fields["bucket_ids"] = parse_texts(fields["bucket_ids"])
    return AgentRow(**fields)
