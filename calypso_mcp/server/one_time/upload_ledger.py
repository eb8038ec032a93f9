"""The outcomes of one-time uploads, kept while callers may ask: a table that the workers of a folder share.

Without a folder, this process keeps it. It holds no addresses, keys or content, and only hashes of names.
Every access runs in a thread and uses an index, so that many unused addresses delay no caller.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from calypso_mcp.sqlite.rows import insert_rows
from calypso_mcp.sqlite.shared_file import SharedTable

if TYPE_CHECKING:
    import sqlite3

    from calypso_mcp.sqlite.connections import Migrations

State = Literal["issued", "receiving", "interrupted", "stored", "failed"]

#: How long an outcome is remembered, in seconds.
REMEMBERED_S = 86_400
LEDGER_FILE = "one-time-uploads.sqlite"
_UPLOAD_ID = re.compile(r"upload_[A-Za-z0-9_-]{22,2000}")
#: Outdated records removed with each write: more than a write adds, so that they do not pile up.
_REMOVED_WITH_EACH_WRITE = 3

_MIGRATIONS: Migrations = (
    (
        "uploads",
        """
        CREATE TABLE uploads (
            upload_id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            state TEXT NOT NULL,
            bucket_id TEXT NOT NULL,
            filename TEXT NOT NULL,
            expires_at INTEGER NOT NULL,
            changed_at INTEGER NOT NULL,
            file_id TEXT,
            task_id TEXT,
            code TEXT,
            message TEXT,
            claims INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX uploads_by_age ON uploads (changed_at);
        CREATE INDEX uploads_unused ON uploads (owner, expires_at) WHERE state = 'issued';
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """What is known of one upload.

    Attributes:
        owner: Hash of the name of the caller it was issued to.
        expires_at: When its address becomes void, in seconds since 1970.
        changed_at: When this was noted, in seconds since 1970.
        claims: How often a process began to receive it, or failed to.
    """

    upload_id: str
    owner: str
    state: State
    bucket_id: str
    filename: str
    expires_at: int
    changed_at: int = 0
    file_id: str | None = None
    task_id: str | None = None
    code: str | None = None
    message: str | None = None
    claims: int = 0


def is_upload_id(text: str) -> bool:
    """Whether `text` can be an upload id; ids of files, tasks and batches cannot."""
    return _UPLOAD_ID.fullmatch(text) is not None


class UploadLedger:
    """Remembers records by upload id.

    Every method raises `CalypsoError` where the table cannot be used.
    """

    def __init__(self, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._table = SharedTable(
            path, _MIGRATIONS, records="one-time uploads", code="upload_record_unusable"
        )
        self._clock = clock

    async def read(self, upload_id: str) -> UploadRecord | None:
        """Return what is known; None for an id that is unknown or was forgotten."""
        if not is_upload_id(upload_id):
            return None
        record = await self._table.run(partial(_find, upload_id=upload_id), writes=False)
        return None if record is None or record.changed_at < self._clock() - REMEMBERED_S else record

    async def add(self, record: UploadRecord, *, most_unused: int) -> int | None:
        """Remember a new address, unless its caller has `most_unused` that are good and unused.

        Returns:
            None once it is remembered; else when the first of the others becomes void, in seconds since 1970.
        """
        now = self._clock()

        def work(connection: sqlite3.Connection) -> int | None:
            unused = connection.execute(
                "SELECT expires_at FROM uploads WHERE state = 'issued' AND owner = ? AND expires_at > ?"
                " ORDER BY expires_at LIMIT ?",
                (record.owner, now, most_unused),
            ).fetchall()
            if len(unused) >= most_unused:
                return unused[0]["expires_at"]
            self._put(connection, record)
            return None

        return await self._table.run(work)

    async def write(self, record: UploadRecord) -> None:
        """Remember `record` in place of what was known before; its `claims` stay as they were."""

        def work(connection: sqlite3.Connection) -> None:
            known = _find(connection, record.upload_id)
            self._put(connection, replace(record, claims=known.claims if known else 0))

        await self._table.run(work)

    async def claim(self, record: UploadRecord, known: UploadRecord | None) -> bool:
        """Remember that a file is arriving, or cannot, unless another process that knew no more was faster.

        `known` is what `read` returned before that was known.

        Returns:
            Whether it is remembered: of all who know the same, one claims the upload.
        """
        claims = (known.claims if known else 0) + 1

        def work(connection: sqlite3.Connection) -> bool:
            present = _find(connection, record.upload_id)
            if present is not None and present.claims >= claims:
                return False
            self._put(connection, replace(record, claims=claims))
            return True

        return await self._table.run(work)

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    def _put(self, connection: sqlite3.Connection, record: UploadRecord) -> None:
        now = int(self._clock())
        insert_rows(connection, "uploads", asdict(replace(record, changed_at=now)), conflict="REPLACE")
        connection.execute(
            "DELETE FROM uploads WHERE upload_id IN"
            " (SELECT upload_id FROM uploads WHERE changed_at < ? ORDER BY changed_at LIMIT ?)",
            (now - REMEMBERED_S, _REMOVED_WITH_EACH_WRITE),
        )


def _find(connection: sqlite3.Connection, upload_id: str) -> UploadRecord | None:
    row = connection.execute("SELECT * FROM uploads WHERE upload_id = ?", (upload_id,)).fetchone()
    return None if row is None else UploadRecord(**row)
