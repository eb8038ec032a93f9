"""A small pool of reading connections; each read sees one consistent snapshot."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from calypso_mcp.sqlite.connections import until_free

T = TypeVar("T")


class Readers:
    """Connections for reads, opened when first needed. Safe to use from several threads."""

    def __init__(self, open_connection: Callable[[], sqlite3.Connection]) -> None:
        self._open_connection = open_connection
        self._idle: deque[sqlite3.Connection] = deque()

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

    def _take(self) -> sqlite3.Connection:
        with contextlib.suppress(IndexError):
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
