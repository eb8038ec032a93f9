"""Keeps the store's log short and removes what nothing needs any more."""

from __future__ import annotations

import logging
import sqlite3
from itertools import count

import anyio

from calypso_mcp import __version__
from calypso_mcp.local.backend import Backend
from calypso_mcp.local.indexing.formats.ocr.engines import is_recognition_installed
from calypso_mcp.local.store import answers, files, sessions, tasks
from calypso_mcp.local.store.sessions import CANCELLED, OPEN
from calypso_mcp.sqlite.faults import STORE_TROUBLE

_LOG = logging.getLogger(__name__)

#: The write-ahead log is folded into the database when it has grown to this.
_LARGE_LOG_BYTES = 16 * 1_048_576
_LOG_CHECK_S = 2.0
#: Checks of the log for each time that expired things are removed.
_CLEAN_EVERY = 300


async def keep_house(backend: Backend) -> None:
    """Check the log every two seconds, and every ten minutes remove what has expired, until cancelled."""
    complaint = ""
    for round_number in count():
        try:
            if round_number % _CLEAN_EVERY == 0:
                await _clean(backend)
            if await backend.on_disk(lambda: backend.database.log_bytes) > _LARGE_LOG_BYTES:
                await backend.database.checkpoint()
        except STORE_TROUBLE as error:
            if str(error) != complaint:
                complaint = str(error)
                _LOG.error("Housekeeping failed; trying again: %s", error)
        await anyio.sleep(_LOG_CHECK_S)


async def _clean(backend: Backend) -> None:
    """Drop what has expired, and the bytes of sessions that ended without a file or are unknown.

    Files that could not be read are queued again for a new version, and scans once OCR is installed.
    """
    before = backend.now() - backend.options.orphan_lifetime_s
    # Listed first: a session is in the store before its bytes are on the disk.
    held = await backend.on_disk(backend.blobs.session_ids)

    def work(connection: sqlite3.Connection) -> None:
        sessions.drop_addresses(connection, before)
        files.drop_successors(connection, before)
        answers.drop(connection, backend.now() - answers.LIFETIME_S)
        tasks.queue_unreadable(connection, __version__, can_recognize=is_recognition_installed())
        ended = held.intersection(sessions.list_stale(connection, before))
        # Cancelled ones stay cancelled; an upload that continues one of the others starts over.
        rows = sessions.get_all(connection, ended).values()
        sessions.set_state(connection, [row.id for row in rows if row.state != CANCELLED], OPEN)
        # Within the transaction: once it is over, one of these uploads may go on and be finalized.
        for session_id in (*ended, *sessions.list_unknown(connection, held)):
            backend.blobs.discard(session_id)

    await backend.database.write(work)
