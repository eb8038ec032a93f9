"""The store as the event loop sees it: reads and writes that never block it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import anyio.lowlevel
from anyio import to_thread

from calypso_mcp.errors import ConfigError
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.store.connections.migrations import MIGRATIONS
from calypso_mcp.local.store.connections.writer import Write, Writer
from calypso_mcp.sqlite.connections import (
    KeepingConnection,
    connect,
    is_read_only,
    log_of,
    migrate,
    open_private,
    transaction,
    until_free,
)
from calypso_mcp.sqlite.faults import (
    FileWatch,
    StoreDamaged,
    StoreReadOnly,
    StoreUpgraded,
    is_busy,
    is_damaged,
    is_of_another_version,
    is_refused,
)

T = TypeVar("T")

#: Reads at the same time: more of them than processors only wait for Python's lock. On 2 processors, a search
#: among 4 readers takes 1.3 times the processor time of one among 2.
_READERS = min(4, max(2, os.cpu_count() or 2))
#: Below this SQLite may damage a table that loses a column (release notes of 3.35.5).
_OLDEST_SQLITE = (3, 35, 5)


@asynccontextmanager
async def open_database(path: Path, *, must_exist: bool = False) -> AsyncGenerator[Database]:
    """Yield this process's access to the store; the end of the block commits what is queued.

    An older store is upgraded. A missing file becomes a new store, unless it `must_exist`.

    Raises:
        ConfigError: SQLite lacks what is needed, a newer version made this store, or it cannot be read,
            written or given more room.
        StoreDamaged: The file is damaged.
    """
    try:
        # A call that waits here for another process's lock ends at its deadline; the thread goes on.
        await to_thread.run_sync(_prepare, path, must_exist, abandon_on_cancel=True)
        database = Database(path, Writer(await to_thread.run_sync(connect, path)))
    except (sqlite3.Error, OSError) as error:
        if is_busy(error):
            raise
        if is_damaged(error):
            raise StoreDamaged(path) from error
        if is_refused(error) and is_read_only(path.parent):
            raise ConfigError(
                f"Another version made the store {path}, which cannot be written.",
                hint="Copy its folder and use the copy (--data-dir, CALYPSO_DATA_DIR), or make it writable.",
            ) from error
        raise ConfigError(
            f"The store {path} cannot be used: {error}.",
            hint="Free space on its disk and make it writable, or choose another folder (--data-dir, "
            "CALYPSO_DATA_DIR).",
        ) from error
    try:
        yield database
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(database.close)


class Database:
    """One process's access to the store at `path`, which exists; `writer` closes with it."""

    def __init__(self, path: Path, writer: Writer) -> None:
        self._path = path
        self._writer = writer
        self._readers = Readers(lambda: connect(path))
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="calypso-reader")
        self._watch = FileWatch(path)

    def close(self) -> None:
        """Commit what is queued and close every connection. Blocks."""
        self._writer.close()
        self._reading.shutdown()
        self._readers.close()

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` reads from one snapshot.

        Raises:
            StoreGone: The store's file was deleted or replaced.
            StoreDamaged: The file is damaged.
            StoreUpgraded: A newer version changed its tables.
        """

        def run() -> T:
            with self._checked():
                return self._readers.run(work)

        try:
            reading = self._reading.submit(run)
        except RuntimeError:
            # A closed store refuses at once; a caller that asks again must not keep the loop from closing it.
            await anyio.lowlevel.checkpoint()
            raise
        return await asyncio.wrap_future(reading)

    async def write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Return what `work` returns once it is committed; all or nothing.

        `work` is called in the writer thread inside a transaction, possibly more than once. What is not
        `durable` does not wait for the disk: a power cut (not a crash) may undo it.

        Raises:
            StoreGone: The store's file was deleted or replaced.
            StoreDamaged: The file is damaged.
            StoreUpgraded: A newer version changed its tables or its index.
        """

        def write(connection: sqlite3.Connection) -> T:
            # Words written by other rules could not be taken out again.
            if index.is_outdated(connection):
                raise StoreUpgraded(self._path)
            return work(connection)

        with self._fault_named():
            submitted = self._writer.submit(Write(self._checked()(write), durable))
            return cast("T", await asyncio.wrap_future(submitted))

    async def checkpoint(self) -> None:
        """Move the write-ahead log into the database and shorten it, unless readers are in the way."""
        with self._fault_named():
            await asyncio.wrap_future(self._writer.submit_alone(_checkpoint))

    @property
    def log_bytes(self) -> int:
        """Size of the write-ahead log. Blocks for one stat."""
        try:
            return log_of(self._path).stat().st_size
        except FileNotFoundError:
            return 0

    @contextmanager
    def _checked(self) -> Generator[None]:
        """Check the file, and raise what SQLite says of it as a `StoreFault`. Blocks."""
        self._watch.check()
        with self._fault_named():
            yield

    @contextmanager
    def _fault_named(self) -> Generator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            self._watch.check()  # what SQLite says of a file that vanished meanwhile names no reason
            if is_damaged(error):
                raise StoreDamaged(self._path) from error
            if is_refused(error) and is_read_only(self._path.parent):
                raise StoreReadOnly(self._path) from error
            if is_of_another_version(error):
                raise StoreUpgraded(self._path) from error
            raise


def _prepare(path: Path, must_exist: bool) -> None:
    check_sqlite()
    with closing(connect(path) if must_exist else open_private(path)) as connection:
        migrate(connection, MIGRATIONS)
        if index.is_outdated(connection):
            with transaction(connection):
                # Looks again: another process may have done it while this one waited for the lock.
                index.rebuild_if_outdated(connection)


def check_sqlite() -> None:
    """Check that this Python's SQLite can do what the backend needs.

    Raises:
        ConfigError: It is too old or was built without full-text search.
    """
    hint = "Use a Python from python.org, uv or a current distribution; they bring a full SQLite."
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise ConfigError(f"SQLite {sqlite3.sqlite_version} is too old: 3.35.5 is needed.", hint=hint)
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
        except sqlite3.OperationalError as error:
            raise ConfigError("This Python's SQLite lacks FTS5, its full-text search.", hint=hint) from error


def _checkpoint(connection: sqlite3.Connection) -> Any:
    return connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


class Readers:
    """Connections for reads, opened when first needed. Safe to use from several threads."""

    def __init__(self, open_connection: Callable[[], KeepingConnection]) -> None:
        self._open_connection = open_connection
        self._idle: deque[KeepingConnection] = deque()

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` reads. Blocks."""
        connection = self._take()
        is_sound = True
        try:
            return until_free(lambda: _in_snapshot(connection, work))
        except sqlite3.Error:
            is_sound = False  # no other error says anything of the connection
            raise
        finally:
            if is_sound:
                self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close every idle connection. Call when no read is running."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> KeepingConnection:
        with contextlib.suppress(IndexError):
            while not (connection := self._idle.pop()).is_current():
                connection.close()
            return connection
        connection = self._open_connection()
        connection.execute("PRAGMA query_only=ON")
        return connection


def _in_snapshot(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
