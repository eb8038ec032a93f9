"""Turns of conversations with agents: as much of each as the next one needs, for a while."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass

from calypso_mcp.sqlite.rows import insert_rows

#: How long a turn can be continued, in seconds.
LIFETIME_S = 7 * 86_400.0
#: Turns of one conversation that can be continued, and of all together.
_MOST_TURNS = 50
_MOST_KEPT = 10_000
#: Characters of `sought` that are kept.
_LONGEST_SOUGHT = 1_000
_TURNS = "SELECT id, conversation_id, model, sought, created_at FROM answers"


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One turn. `sought` are the words that passages were looked for with, not the answer."""

    id: str
    conversation_id: str
    model: str
    sought: str
    created_at: float


def get(connection: sqlite3.Connection, turn_id: str) -> TurnRow | None:
    """Return the turn with this id."""
    return _one(connection.execute(f"{_TURNS} WHERE id = ?", (turn_id,)))


def get_latest(connection: sqlite3.Connection, conversation_id: str) -> TurnRow | None:
    """Return the latest turn of a conversation."""
    latest = f"{_TURNS} WHERE conversation_id = ? ORDER BY position DESC LIMIT 1"
    return _one(connection.execute(latest, (conversation_id,)))


def insert(connection: sqlite3.Connection, turn: TurnRow) -> None:
    """Add a turn, with the beginning of what it sought; the oldest of a long conversation make room."""
    insert_rows(connection, "answers", asdict(turn) | {"sought": turn.sought[:_LONGEST_SOUGHT]})
    connection.execute(
        "DELETE FROM answers WHERE conversation_id = :conversation AND position <= ("
        " SELECT position FROM answers WHERE conversation_id = :conversation"
        " ORDER BY position DESC LIMIT 1 OFFSET :most)",
        {"conversation": turn.conversation_id, "most": _MOST_TURNS},
    )


def drop(connection: sqlite3.Connection, before: float) -> None:
    """Remove turns older than `before`, and the oldest beyond what is kept."""
    connection.execute("DELETE FROM answers WHERE created_at < ?", (before,))
    connection.execute(
        "DELETE FROM answers WHERE position <= ("
        " SELECT position FROM answers ORDER BY position DESC LIMIT 1 OFFSET ?)",
        (_MOST_KEPT,),
    )


def _one(found: sqlite3.Cursor) -> TurnRow | None:
    row = found.fetchone()
    return None if row is None else TurnRow(*row)
