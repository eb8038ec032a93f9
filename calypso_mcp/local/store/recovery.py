"""Recovery of a damaged store into a new one.

Every readable row is copied. Every file with a readable row, its own or its upload session's, is indexed
again from its bytes, which are stored outside the database. Bytes that no row names are set aside, not
deleted.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from calypso_mcp.domain.states.readiness import FileStatus
from calypso_mcp.local.store import files, sessions
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.sqlite.connections import count_applied, migrate, open_private, transaction
from calypso_mcp.sqlite.rows import insert_rows

#: Copied in this order; tasks and passages are made again.
_TABLES = (
    "buckets",
    "upload_sessions",
    "upload_addresses",
    "files",
    "file_buckets",
    "batches",
    "batch_items",
    "agents",
    "idempotency_keys",
    "answers",
)
#: These have no row numbers, so that they can only be read from their two ends.
_BY_KEY = {
    "upload_addresses": ("secret_hash",),
    "file_buckets": ("bucket_id", "file_id"),
    "batch_items": ("batch_id", "client_file_id"),
    "idempotency_keys": ("operation", "key"),
}
#: Rows that mean nothing without the row they belong to.
_BELONGS = (
    ("upload_addresses", "session_id", "upload_sessions"),
    ("batch_items", "batch_id", "batches"),
    ("file_buckets", "file_id", "files"),
)
_PARTS = ("", "-wal", "-shm")
_LARGEST_NUMBER = 2**62


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was saved into the new store, and where the `damaged` one was moved.

    `set_aside` counts contents without a row, which were moved into the folder `lost`.
    """

    damaged: Path
    buckets: int
    files: int
    set_aside: int
    lost: Path


def is_intact(store: Path) -> bool:
    """Whether SQLite finds no damage in `store`; an empty file or one of another program is not intact.

    Raises:
        ConfigError: A newer version made it.
    """
    try:
        with closing(sqlite3.connect(store, isolation_level=None)) as connection:
            [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
            return found == "ok" and count_applied(connection, MIGRATIONS) > 0
    except sqlite3.Error:
        return False


def recover(store: Path, sealed: Path) -> Recovered:
    """Move the damaged `store`, which no process may have open, aside, and put a new one in its place.

    `sealed` is the folder of complete contents, one file for each upload session.

    Raises:
        OSError: The data folder cannot be written.
        sqlite3.Error: The new store cannot be written.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    damaged = store.with_name(f"damaged-{stamp}.db")
    for part in _PARTS:
        with suppress(FileNotFoundError):
            store.with_name(store.name + part).rename(damaged.with_name(damaged.name + part))
    with closing(open_private(store)) as new:
        migrate(new, MIGRATIONS)
        new.execute("PRAGMA foreign_keys=OFF")
        with transaction(new):
            if damaged.exists():
                with closing(sqlite3.connect(damaged, isolation_level=None)) as old:
                    for table in _TABLES:
                        _copy(old, new, table)
            _complete(new, time.time())
        known = {session_id for (session_id,) in new.execute("SELECT id FROM upload_sessions")}
        known |= {session_id for (session_id,) in new.execute("SELECT session_id FROM files")}
        (buckets,) = new.execute("SELECT count(*) FROM buckets").fetchone()
        (kept,) = new.execute("SELECT count(*) FROM files").fetchone()
    lost = store.with_name(f"lost-{stamp}")
    return Recovered(damaged, buckets, kept, _set_aside(sealed, lost, known), lost)


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    try:
        columns = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
    except sqlite3.DatabaseError:  # not even the list of tables can be read
        return
    known = {row[1] for row in new.execute(f"PRAGMA table_info({table})")}
    kept = [column for column in columns if column in known]
    if not kept:
        return
    names = ", ".join(kept)
    rows = _rows_by_key(old, table, names) if table in _BY_KEY else _rows(old, table, names)
    for row in rows:
        # A damaged row may break the table's constraints.
        with suppress(sqlite3.IntegrityError):
            insert_rows(new, table, dict(zip(kept, row, strict=True)), conflict="IGNORE")


def _rows(old: sqlite3.Connection, table: str, names: str) -> Iterator[tuple[object, ...]]:
    """Yield the rows from both ends; after an unreadable one look for the next in growing strides.

    The way back yields rows that a stride skipped, so rows may come twice.
    """
    for first, sign, beyond in ((1, 1, ">="), (_LARGEST_NUMBER, -1, "<=")):
        order = "ASC" if sign > 0 else "DESC"
        statement = f"SELECT rowid, {names} FROM {table} WHERE rowid {beyond} ? ORDER BY rowid {order}"  # noqa: S608 - ours
        start, stride = first, 1
        while stride < _LARGEST_NUMBER and 0 < start <= _LARGEST_NUMBER:
            try:
                for number, *row in old.execute(statement, (start,)):
                    start, stride = number + sign, 1
                    yield tuple(row)
                break
            except sqlite3.DatabaseError:
                start, stride = start + sign * stride, stride * 2


def _rows_by_key(old: sqlite3.Connection, table: str, names: str) -> Iterator[tuple[object, ...]]:
    """Yield the rows from both ends until damage is met."""
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{column} {direction}" for column in _BY_KEY[table])
        with suppress(sqlite3.DatabaseError):
            for row in old.execute(f"SELECT {names} FROM {table} ORDER BY {order}"):  # noqa: S608 - ours
                yield tuple(row)


def _complete(new: sqlite3.Connection, now: float) -> None:
    """Make missing rows from the others, and queue every file."""
    for table, column, parent in _BELONGS:
        new.execute(f"DELETE FROM {table} WHERE {column} NOT IN (SELECT id FROM {parent})")  # noqa: S608 - ours
    known = {file_id for (file_id,) in new.execute("SELECT id FROM files")}
    session_ids = [
        session_id
        for session_id, file_id in new.execute(
            "SELECT id, file_id FROM upload_sessions WHERE file_id IS NOT NULL"
        )
        if file_id not in known
    ]
    files.insert(new, *sessions.get_all(new, session_ids).values(), now=now)
    new.execute(
        "INSERT OR IGNORE INTO file_buckets (bucket_id, file_id) SELECT named.value, files.id FROM files"
        " JOIN upload_sessions ON upload_sessions.id = files.session_id"
        " JOIN json_each(upload_sessions.bucket_ids) AS named"
        " WHERE json_valid(upload_sessions.bucket_ids)"
    )
    # Its slug and name are lost; its files are not.
    new.execute(
        "INSERT OR IGNORE INTO buckets (id, slug, name, created_at)"
        " SELECT DISTINCT bucket_id, 'recovered-' || substr(bucket_id, -8),"
        " 'Recovered ' || substr(bucket_id, -8), ? FROM file_buckets"
        " WHERE bucket_id NOT IN (SELECT id FROM buckets)",
        (now,),
    )
    file_ids: dict[str, str] = dict(new.execute("SELECT session_id, id FROM files"))
    files.queue(new, file_ids)
    files.set_status(new, [*file_ids.values()], FileStatus.QUEUED, now=now)


def _set_aside(sealed: Path, lost: Path, known: set[str]) -> int:
    """Move contents that no row names; the housekeeping would delete them."""
    unknown = (
        [content for content in sealed.iterdir() if content.name not in known] if sealed.is_dir() else []
    )
    if unknown:
        lost.mkdir(mode=0o700)
    for content in unknown:
        content.rename(lost / content.name)
    return len(unknown)
