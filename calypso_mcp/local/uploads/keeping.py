"""Stores and queues sources that the backend makes itself: fetched pages, questions with answers."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from calypso_mcp.domain.states.readiness import FileStatus
from calypso_mcp.domain.uploads.declaration import Declaration
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.refusals import bucket_required
from calypso_mcp.local.store import files, idempotency, sessions, sources
from calypso_mcp.local.store.files import FileRow
from calypso_mcp.local.store.idempotency import KeyedRequest
from calypso_mcp.local.store.sessions import NewSession, SessionRow
from calypso_mcp.local.uploads.admission import assign, check_file

Kind = Literal["file", "website", "qa"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A source in the store, whether it was there already, and the id of the version that it replaces."""

    file: FileRow
    is_replay: bool
    replaces: str | None = None


async def find_made(backend: Backend, request: KeyedRequest) -> FileRow | None:
    """Return the file that an earlier request with this key made.

    Raises:
        Refusal: The key came with another body (409).
    """

    def work(connection: sqlite3.Connection) -> FileRow | None:
        session_id = idempotency.find_created(connection, request)
        session = sessions.get(connection, session_id) if session_id else None
        return files.get(connection, session.file_id) if session and session.file_id else None

    return await backend.database.read(work)


async def find_same(backend: Backend, declaration: Declaration, kind: Kind) -> FileRow | None:
    """Return the newest version of a source that is in all buckets it is declared for and has not failed.

    There is none as long as buckets may be missing.

    Raises:
        Refusal: No bucket is named, or one cannot be resolved.
    """
    if not declaration.destination.is_given:
        raise bucket_required()
    if declaration.destination.create_missing_buckets:
        return None
    return await backend.database.read(
        lambda connection: _newest(
            connection, declaration, kind, assign(connection, declaration.destination, now=backend.now())
        )
    )


async def keep(
    backend: Backend, declaration: Declaration, data: bytes, kind: Kind, request: KeyedRequest
) -> Kept:
    """Store `data` as a source and queue it, unless its newest version is the same already.

    Raises:
        Refusal: A rule of uploads is broken, or a bucket cannot be resolved.
    """
    check_file(declaration, len(data))
    await backend.check_room(len(data))

    def begin(connection: sqlite3.Connection) -> SessionRow:
        now = backend.now()
        new = NewSession(declaration, len(data), assign(connection, declaration.destination, now=now))
        [made] = sessions.insert(connection, new, now=now, lifetime_s=backend.options.session_lifetime_s)
        return sessions.get_all(connection, [made.session_id])[made.session_id]

    session = await backend.arrivals.store_whole(await backend.database.write(begin), data, {})

    def finish(connection: sqlite3.Connection) -> Kept:
        now = backend.now()
        same = _newest(connection, declaration, kind, session.bucket_ids)
        if same is not None and same.sha256 == session.sha256:
            sessions.set_state(connection, [session.id], sessions.CANCELLED)
            sources.relabel(
                connection,
                same,
                title=declaration.title,
                tags=declaration.tags or None,
                metadata=declaration.metadata or None,
                now=now,
            )
            return Kept(files.get_all(connection, [same.id])[same.id], is_replay=True)
        file_id = files.insert(connection, session, now=now, kind=kind)[session.id]
        idempotency.remember(connection, request, session.id)
        replaced = same.id if same is not None and declaration.if_exists == "replace" else None
        return Kept(files.get_all(connection, [file_id])[file_id], is_replay=False, replaces=replaced)

    kept = await backend.database.write(finish)
    if not kept.is_replay:
        backend.wake_worker()
    return kept


def _newest(
    connection: sqlite3.Connection, declaration: Declaration, kind: Kind, bucket_ids: tuple[str, ...]
) -> FileRow | None:
    """Return the newest version that is in all of the buckets and has not failed."""
    fitting = (
        file
        for file in reversed(sources.list_versions(connection, kind, declaration.lineage))
        if file.status != FileStatus.FAILED and set(bucket_ids) <= set(file.bucket_ids)
    )
    return next(fitting, None)
