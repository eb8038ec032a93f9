"""Named agents and the buckets bound to them."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass

from calypso_mcp.local.text_forms import dump_json, parse_texts
from calypso_mcp.sqlite.rows import insert_rows


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


def put(connection: sqlite3.Connection, agent: AgentRow) -> None:
    """Add an agent, or replace the one that has its id."""
    row = asdict(agent) | {"bucket_ids": dump_json(agent.bucket_ids)}
    insert_rows(connection, "agents", row, conflict="REPLACE")


def _agent(row: sqlite3.Row) -> AgentRow:
    fields = dict(row)
    fields["bucket_ids"] = parse_texts(fields["bucket_ids"])
    return AgentRow(**fields)
