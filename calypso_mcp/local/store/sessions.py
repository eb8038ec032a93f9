"""Upload sessions and the addresses that lead to them; how a declaration is stored, here and elsewhere.

The destination of a declaration is resolved to bucket ids before anything is stored.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.blobs import Digests
from calypso_mcp.local.identifiers import new_id, new_secret, secret_hash
from calypso_mcp.local.text_forms import dump_json, parse_texts
from calypso_mcp.sqlite.rows import insert_rows

#: Bytes may arrive.
OPEN = "open"
#: All bytes are stored and hashed.
UPLOADED = "uploaded"
#: The uploader gave up.
CANCELLED = "cancelled"
_COLUMNS: Final = ("filename", "content_type", "title", "tags", "metadata", "path", "if_exists")


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a create request declares about one file."""

    declaration: Declaration
    size_bytes: int
    bucket_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionRow(NewSession):
    """One upload session. Hashes: sha256 in hex, md5 and crc32c in base64 as GCS writes them."""

    id: str
    state: str
    sha256: str | None
    md5: str | None
    crc32c: str | None
    file_id: str | None
    expires_at: float

    def with_digests(self, digests: Digests) -> SessionRow:
        """Return the session once all its bytes are stored."""
        return replace(
            self, state=UPLOADED, sha256=digests.sha256, md5=digests.md5, crc32c=digests.crc32c or self.crc32c
        )


@dataclass(frozen=True, slots=True)
class Address:
    """A fresh upload address; the secret exists only here and at its receiver."""

    session_id: str
    secret: str
    expires_at: float


def insert(connection: sqlite3.Connection, *new: NewSession, now: float, lifetime_s: float) -> list[Address]:
    """Add sessions and return the first address of each, in their order."""
    ids = [new_id("sess") for _ in new]
    rows = [
        {
            "id": session_id,
            **columns_of(session.declaration),
            "size_bytes": session.size_bytes,
            "bucket_ids": dump_json(session.bucket_ids),
            "expires_at": now + lifetime_s,
        }
        for session_id, session in zip(ids, new, strict=True)
    ]
    insert_rows(connection, "upload_sessions", *rows)
    return _insert_addresses(connection, ids, now + lifetime_s)


def renew(connection: sqlite3.Connection, session_id: str, *, now: float, lifetime_s: float) -> Address:
    """Return a further address of a session; earlier ones keep working until they expire."""
    connection.execute(
        "UPDATE upload_sessions SET expires_at = max(expires_at, ?),"
        " state = CASE state WHEN 'cancelled' THEN 'open' ELSE state END WHERE id = ?",
        (now + lifetime_s, session_id),
    )
    return _insert_addresses(connection, [session_id], now + lifetime_s)[0]


def find_by_secrets(
    connection: sqlite3.Connection, secrets: Iterable[str]
) -> dict[str, tuple[SessionRow, float]]:
    """Return, by secret, the session that each known address leads to and when the address expires."""
    by_hash = {secret_hash(secret): secret for secret in secrets}
    rows = connection.execute(
        "SELECT upload_sessions.*, secret_hash, upload_addresses.expires_at AS address_expires_at"
        " FROM upload_addresses JOIN upload_sessions ON upload_sessions.id = upload_addresses.session_id"
        " WHERE secret_hash IN (SELECT value FROM json_each(?))",
        (json.dumps(list(by_hash)),),
    )
    found: dict[str, tuple[SessionRow, float]] = {}
    for row in rows:
        fields = dict(row)
        secret, expires_at = by_hash[fields.pop("secret_hash")], fields.pop("address_expires_at")
        found[secret] = _session(fields), expires_at
    return found


def get(connection: sqlite3.Connection, session_id: str) -> SessionRow | None:
    """Return the session with this id."""
    return get_all(connection, [session_id]).get(session_id)


def get_all(connection: sqlite3.Connection, session_ids: Iterable[str]) -> dict[str, SessionRow]:
    """Return, by id, those of `session_ids` that exist."""
    rows = connection.execute(
        "SELECT * FROM upload_sessions WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(session_ids)),),
    )
    return {row["id"]: _session(dict(row)) for row in rows}


def mark_uploaded(connection: sqlite3.Connection, stored: Mapping[str, Digests]) -> None:
    """Record that every byte of these sessions is stored, with the hashes of what is on the disk."""
    connection.executemany(
        "UPDATE upload_sessions SET state = 'uploaded', sha256 = ?, md5 = ?, crc32c = coalesce(?, crc32c)"
        " WHERE id = ?",
        [(digests.sha256, digests.md5, digests.crc32c, session_id) for session_id, digests in stored.items()],
    )


def set_state(connection: sqlite3.Connection, session_ids: Iterable[str], state: str) -> None:
    """Move unfinalized sessions to `state`."""
    connection.execute(
        "UPDATE upload_sessions SET state = ? WHERE file_id IS NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        (state, json.dumps(list(session_ids))),
    )


def list_stale(connection: sqlite3.Connection, before: float) -> list[str]:
    """Return the unfinalized sessions whose last address expired before `before`, or that were cancelled."""
    rows = connection.execute(
        "SELECT id FROM upload_sessions WHERE file_id IS NULL AND (expires_at < ? OR state = 'cancelled')",
        (before,),
    )
    return [row["id"] for row in rows]


def list_unknown(connection: sqlite3.Connection, session_ids: Iterable[str]) -> list[str]:
    """Return those of the ids that neither a session nor a file has: recovered files lack a session."""
    rows = connection.execute(
        "SELECT value FROM json_each(?) EXCEPT SELECT id FROM upload_sessions"
        " EXCEPT SELECT session_id FROM files",
        (json.dumps(list(session_ids)),),
    )
    return [session_id for (session_id,) in rows]


def drop_addresses(connection: sqlite3.Connection, before: float) -> None:
    """Forget addresses that expired before `before`."""
    connection.execute("DELETE FROM upload_addresses WHERE expires_at < ?", (before,))


def _insert_addresses(
    connection: sqlite3.Connection, session_ids: Iterable[str], expires_at: float
) -> list[Address]:
    made = [Address(session_id, new_secret(), expires_at) for session_id in session_ids]
    rows = [
        {"secret_hash": secret_hash(new.secret), "session_id": new.session_id, "expires_at": expires_at}
        for new in made
    ]
    insert_rows(connection, "upload_addresses", *rows)
    return made


def _session(fields: dict[str, Any]) -> SessionRow:
    fields["bucket_ids"] = parse_texts(fields["bucket_ids"])
    return SessionRow(declaration=take_declaration(fields), **fields)


def columns_of(declaration: Declaration) -> dict[str, str | None]:
    """Return the values by column."""
    return {
        "filename": declaration.filename,
        "content_type": declaration.content_type or "",
        "title": declaration.title,
        "tags": dump_json(declaration.tags),
        "metadata": dump_json(declaration.metadata or {}),
        "path": declaration.path,
        "if_exists": declaration.if_exists or "keep_both",
    }


def take_declaration(fields: dict[str, Any]) -> Declaration:
    """Return the declaration in the fields of a row, and take its columns out of them."""
    declared = {name: fields.pop(name) for name in _COLUMNS}
    declared["tags"] = parse_texts(declared["tags"])
    metadata = declared["metadata"]
    declared["metadata"] = {} if metadata == "{}" else json.loads(metadata)
    return Declaration(**declared)
