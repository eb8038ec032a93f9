"""The store as the event loop sees it: reads and writes that never block it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import anyio
from anyio import to_thread

from calypso_mcp.errors import ConfigError
from calypso_mcp.local.retrieval import index
from calypso_mcp.local.store.connections import (
    connect,
    is_busy,
    make_private,
    probe,
    roll_back,
    until_free,
)
from calypso_mcp.local.store.migrations import migrate
from calypso_mcp.local.store.readers import Readers
from calypso_mcp.local.store.writer import Write, Writer

T = TypeVar("T")

_READERS = 4


class StoreGone(Exception):
    """The store was deleted or replaced while it was in use; what is written to it now would be lost."""


class Database:
    """One process's access to the store; use as an async context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = Writer(lambda: connect(path))
        self._readers = Readers(lambda: connect(path))
        self._reading: anyio.CapacityLimiter | None = None
        self._opened: os.stat_result | None = None

    async def __aenter__(self) -> Self:
        """Create or upgrade the store.

        Raises:
            ConfigError: SQLite lacks what is needed, a newer version made this store, it is damaged, or it
                cannot be read, written or given more room.
        """
        self._reading = anyio.CapacityLimiter(_READERS)
        try:
            await to_thread.run_sync(_prepare, self._path)
            await to_thread.run_sync(self._writer.start)
            self._opened = self._path.stat()
        except sqlite3.Error as error:
            if is_busy(error):
                raise
            raise ConfigError(
                f"The store {self._path} cannot be used: {error}.",
                hint="Make room on its disk and let it be written, or choose another folder (--data-dir, "
                "CALYPSO_DATA_DIR). A damaged store has to be moved away; then upload its files again.",
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        """Commit what is queued and close every connection."""
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._writer.close)
            await to_thread.run_sync(self._readers.close)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` reads from one snapshot.

        Raises:
            StoreGone: There is nothing to read from any more.
        """

        def checked() -> T:
            self._check_present()
            return self._readers.run(work)

        return await to_thread.run_sync(checked, limiter=self._reading)

    async def write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Return what `work` returns once it is committed; all or nothing.

        Args:
            work: Called in the writer thread inside a transaction, possibly more than once.
            durable: Whether to wait for the disk. Without, a power cut (not a crash) may undo it.

        Raises:
            StoreGone: Nobody would ever read it.
        """

        def checked(connection: sqlite3.Connection) -> T:
            self._check_present()
            return work(connection)

        done = self._writer.submit(Write(checked, durable))
        return cast("T", await asyncio.wrap_future(done))

    async def checkpoint(self) -> None:
        """Move the write-ahead log into the database and shorten it, unless readers are in the way."""
        await asyncio.wrap_future(self._writer.submit(Write(_checkpoint, durable=False, alone=True)))

    @property
    def log_bytes(self) -> int:
        """Size of the write-ahead log. Blocks for one stat."""
        log = self._path.with_name(self._path.name + "-wal")
        try:
            return log.stat().st_size
        except FileNotFoundError:
            return 0

    def _check_present(self) -> None:
        # SQLite notices nothing: it goes on with the file it has open, which nobody else will ever see.
        try:
            is_present = self._opened is None or os.path.samestat(self._path.stat(), self._opened)
        except FileNotFoundError:
            is_present = False
        if not is_present:
            raise StoreGone(f"{self._path} was deleted or replaced while it was in use.")


def _prepare(path: Path) -> None:
    probe()
    make_private(path)
    connection = connect(path)
    try:
        migrate(connection)
        if index.is_outdated(connection):
            _rewrite_index(connection)
    finally:
        connection.close()


def _rewrite_index(connection: sqlite3.Connection) -> None:
    until_free(lambda: connection.execute("BEGIN IMMEDIATE"))
    try:
        # Looks again: another process may have done it while this one waited for the lock.
        index.rebuild_if_outdated(connection)
    except BaseException:
        roll_back(connection)
        raise
    connection.execute("COMMIT")


def _checkpoint(connection: sqlite3.Connection) -> Any:
    return connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
