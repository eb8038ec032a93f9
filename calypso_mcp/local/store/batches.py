"""Batches and their items."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from calypso_mcp.api.problem import Problem
from calypso_mcp.local.store import files, sessions
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.store.sessions import SessionRow
from calypso_mcp.sqlite.rows import insert_rows


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One file of a batch: accepted (`session`, and after finalize `file`) or rejected (`error_code`).

    `successor` is the file that took the place of one that is gone.
    """

    client_file_id: str
    error_code: str | None = None
    error_message: str | None = None
    session: SessionRow | None = None
    file: FileRow | None = None
    successor: str | None = None


def get_fingerprint(connection: sqlite3.Connection, batch_id: str) -> str | None:
    """Return the fingerprint of the batch's content; None for an unknown batch."""
    row = connection.execute("SELECT fingerprint FROM batches WHERE id = ?", (batch_id,)).fetchone()
    return row["fingerprint"] if row else None


def insert(connection: sqlite3.Connection, batch_id: str, fingerprint: str) -> None:
    """Add a batch without items."""
    connection.execute("INSERT INTO batches (id, fingerprint) VALUES (?, ?)", (batch_id, fingerprint))


def put_items(
    connection: sqlite3.Connection,
    batch_id: str,
    new: Iterable[tuple[int, str, str | None, Problem | None]],
) -> None:
    """Add items, or replace those that were rejected.

    Each is its position in the manifest, client file id, and session or problem.
    """
    rows = [
        {
            "batch_id": batch_id,
            "position": position,
            "client_file_id": name,
            "session_id": session_id,
            "error_code": problem.code if problem else None,
            "error_message": problem.message if problem else None,
        }
        for position, name, session_id, problem in new
    ]
    insert_rows(connection, "batch_items", *rows, conflict="REPLACE")


def list_items(connection: sqlite3.Connection, batch_id: str) -> list[ItemRow]:
    """Return the batch's items in their order in the manifest."""
    rows: Sequence[sqlite3.Row] = connection.execute(
        "SELECT * FROM batch_items WHERE batch_id = ? ORDER BY position", (batch_id,)
    ).fetchall()
    by_session = sessions.get_all(connection, [row["session_id"] for row in rows if row["session_id"]])
    by_file = files.get_all(connection, [row.file_id for row in by_session.values() if row.file_id])
    successors = files.get_successors(connection, [row["gone_file"] for row in rows if row["gone_file"]])
    items: list[ItemRow] = []
    for row in rows:
        session = by_session.get(row["session_id"])
        file = by_file.get(session.file_id) if session and session.file_id else None
        code, message, successor = row["error_code"], row["error_message"], successors.get(row["gone_file"])
        items.append(ItemRow(row["client_file_id"], code, message, session, file, successor))
    return items


def list_accepted_sessions(connection: sqlite3.Connection, batch_id: str) -> dict[str, str]:
    """Return, by client file id, the session of each accepted item."""
    rows = connection.execute(
        "SELECT client_file_id, session_id FROM batch_items WHERE batch_id = ? AND session_id IS NOT NULL"
        " ORDER BY position",
        (batch_id,),
    )
    return {row["client_file_id"]: row["session_id"] for row in rows}
