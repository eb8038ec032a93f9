"""A small pool of reading connections; each read sees one consistent snapshot."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from typing import TypeVar

from calypso_mcp.sqlite.connections import until_free

T = TypeVar("T")


class Readers:
    """Connections for reads, opened when first needed. Safe to use from several threads."""

    def __init__(self, open_connection: Callable[[], sqlite3.Connection]) -> None:
        self._open_connection = open_connection
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` reads. Blocks."""
        connection = self._take()
        try:
            result = until_free(lambda: _in_snapshot(connection, work))
        except BaseException as error:
            # Only what SQLite itself raises says anything of the connection.
            self._put_back(connection, is_sound=not isinstance(error, sqlite3.Error))
            raise
        self._put_back(connection, is_sound=True)
        return result

    def close(self) -> None:
        """Close every idle connection. Call when no read is running."""
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _put_back(self, connection: sqlite3.Connection, *, is_sound: bool) -> None:
        if not is_sound:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
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
