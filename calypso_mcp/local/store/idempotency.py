"""What create requests with an Idempotency-Key made."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from calypso_mcp.local.identifiers import fingerprint
from calypso_mcp.local.refusals import key_reused


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A create request: which operation, under which Idempotency-Key, and what it asks for."""

    operation: str
    key: str | None
    body: Any


def find_created(connection: sqlite3.Connection, request: KeyedRequest) -> str | None:
    """Return the id that this key created before, or None.

    Raises:
        Refusal: The key came with another body (409 `idempotency_key_reused`).
    """
    if request.key is None:
        return None
    row = connection.execute(
        "SELECT fingerprint, created_id FROM idempotency_keys WHERE operation = ? AND key = ?",
        (request.operation, request.key),
    ).fetchone()
    if row is None:
        return None
    if row["fingerprint"] != fingerprint(request.body):
        raise key_reused()
    return str(row["created_id"])


def remember(connection: sqlite3.Connection, request: KeyedRequest, created_id: str) -> None:
    """Record what the key created last; nothing without a key."""
    if request.key is not None:
        connection.execute(
            "INSERT OR REPLACE INTO idempotency_keys (operation, key, fingerprint, created_id)"
            " VALUES (?, ?, ?, ?)",
            (request.operation, request.key, fingerprint(request.body), created_id),
        )
