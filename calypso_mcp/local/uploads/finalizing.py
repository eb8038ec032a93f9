"""From uploaded bytes to queued knowledge files, for single uploads and batches alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from typing import Literal

from calypso_mcp.local.backend import Backend
from calypso_mcp.local.blobs import Digests
from calypso_mcp.local.store import files, sessions
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.store.sessions import CANCELLED, OPEN, UPLOADED, SessionRow

Outcome = Literal["finalized", "replayed", "pending", "cancelled"]


@dataclass(frozen=True, slots=True)
class Finalized:
    """The outcome for a session: it became a file now or before, waits for bytes, or is cancelled."""

    outcome: Outcome
    #: As it was then: a new file is queued, even if the worker has it by now.
    file: FileRow | None


async def finalize(backend: Backend, found: Collection[SessionRow]) -> dict[str, Finalized]:
    """Turn the sessions whose bytes are stored into files; safe to repeat.

    Takes them as they were a moment ago, and returns the outcome for each that still exists, by id.
    """
    await _follow_the_disk(backend, [session for session in found if session.file_id is None])

    def work(connection: sqlite3.Connection) -> dict[str, Finalized]:
        known = sessions.get_all(connection, [session.id for session in found])
        # In the caller's order, so that files are indexed in the order of the manifest.
        now_there = [known[session.id] for session in found if session.id in known]
        # Bytes are discarded within transactions, so what is on the disk now stays.
        uploaded = [
            row
            for row in now_there
            if row.file_id is None
            and row.state == UPLOADED
            and backend.blobs.is_sealed(row.id, row.size_bytes)
        ]
        made = files.insert(connection, *uploaded, now=backend.now())
        file_ids = {row.id: row.file_id or made.get(row.id, "") for row in now_there}
        rows = files.get_all(connection, list(file_ids.values()))
        return {row.id: Finalized(_outcome(row, made), rows.get(file_ids[row.id])) for row in now_there}

    finalized = await backend.database.write(work)
    if any(entry.outcome == "finalized" for entry in finalized.values()):
        backend.wake_worker()
    return finalized


def _outcome(session: SessionRow, made: Container[str]) -> Outcome:
    if session.file_id is not None:
        return "replayed"
    if session.id in made:
        return "finalized"
    return "cancelled" if session.state == CANCELLED else "pending"


async def _follow_the_disk(backend: Backend, unfinalized: Sequence[SessionRow]) -> None:
    """Bring the recorded state in step with the bytes, which a crash may have left ahead or behind."""

    def look() -> tuple[dict[str, Digests], list[str]]:
        hashed: dict[str, Digests] = {}
        gone: list[str] = []
        for session in unfinalized:
            is_sealed = backend.blobs.is_sealed(session.id, session.size_bytes)
            if is_sealed and session.state == OPEN:
                hashed[session.id] = backend.blobs.digests(session.id)
            elif not is_sealed and session.state == UPLOADED:
                gone.append(session.id)
        return hashed, gone

    if not unfinalized:
        return
    hashed, gone = await backend.on_disk(look)
    if not hashed and not gone:
        return

    def record(connection: sqlite3.Connection) -> None:
        sessions.mark_uploaded(connection, hashed)
        sessions.set_state(connection, gone, OPEN)

    await backend.database.write(record, durable=False)
