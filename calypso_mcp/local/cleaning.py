"""Removing what nothing needs any more."""

from __future__ import annotations

import sqlite3

from calypso_mcp.local.backend import Backend
from calypso_mcp.local.store import answers, files, sessions
from calypso_mcp.local.store.sessions import CANCELLED, OPEN


async def clean(backend: Backend) -> None:
    """Drop what has expired, and the bytes of sessions that ended without a file or are unknown."""
    before = backend.now() - backend.options.orphan_lifetime_s
    # Listed first: a session is in the store before its bytes are on the disk.
    held = await backend.on_disk(backend.blobs.session_ids)

    def work(connection: sqlite3.Connection) -> None:
        sessions.drop_addresses(connection, before)
        files.drop_successors(connection, before)
        answers.drop(connection, backend.now() - backend.options.answer_lifetime_s)
        ended = held.intersection(sessions.list_stale(connection, before))
        # Cancelled ones stay cancelled; an upload that continues one of the others starts over.
        rows = sessions.get_all(connection, ended).values()
        sessions.set_state(connection, [row.id for row in rows if row.state != CANCELLED], OPEN)
        # Within the transaction: once it is over, one of these uploads may go on and be finalized.
        for session_id in (*ended, *sessions.list_unknown(connection, held)):
            backend.blobs.discard(session_id)

    await backend.database.write(work)
