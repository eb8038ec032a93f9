"""The one thread of this process that writes: queued writes are committed in groups.

Each write runs in a savepoint, so that one that fails takes nothing else with it, and all writes waiting
at the same moment share one transaction and therefore one fsync.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from calypso_mcp.sqlite.connections import roll_back, until_free

_LARGEST_GROUP = 64


@dataclass(frozen=True, slots=True)
class Write:
    """One queued write. `work` may run more than once; only its last run is committed."""

    work: Callable[[sqlite3.Connection], Any]
    durable: bool
    done: Future[Any] = field(default_factory=Future[Any])


#: Tells the caller that waits for a write how it ended.
_Delivery = Callable[[], None]


class Writer:
    """The writing connection and the thread that uses it. `connection` is open to be used by that alone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="calypso-writer")
        self._waiting: deque[Write] = deque()

    def submit(self, write: Write) -> Future[Any]:
        """Queue `write`; its future is done once it is committed.

        Raises:
            RuntimeError: The writer is closed.
        """
        self._waiting.append(write)
        self._thread.submit(self._write_waiting)
        return write.done

    def submit_alone(self, work: Callable[[sqlite3.Connection], Any]) -> Future[Any]:
        """Queue what runs outside any transaction. Raises as `submit` does."""
        return self._thread.submit(work, self._connection)

    def close(self) -> None:
        """Finish what is queued, then close the connection. Blocks."""
        self._thread.shutdown()
        self._connection.close()

    def _write_waiting(self) -> None:
        # None may wait any more: earlier groups took what was queued after them.
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LARGEST_GROUP))]
        running = [write for write in group if write.done.set_running_or_notify_cancel()]
        for deliver in _commit_or_split(self._connection, running) if running else ():
            deliver()


def _commit_or_split(connection: sqlite3.Connection, group: Sequence[Write]) -> list[_Delivery]:
    """Commit a group; each write by itself if it cannot be committed as one."""
    try:
        return _commit(connection, group)
    except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the waiting callers
        roll_back(connection)
        if len(group) == 1:
            return [partial(group[0].done.set_exception, error)]
    return [deliver for write in group for deliver in _commit_or_split(connection, [write])]


def _commit(connection: sqlite3.Connection, group: Sequence[Write]) -> list[_Delivery]:
    durable = any(write.durable for write in group)
    connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    until_free(lambda: connection.execute("BEGIN IMMEDIATE"))
    deliveries = [_in_savepoint(connection, write) for write in group]
    until_free(lambda: connection.execute("COMMIT"))
    return deliveries


def _in_savepoint(connection: sqlite3.Connection, write: Write) -> _Delivery:
    connection.execute("SAVEPOINT one_write")
    try:
        result = write.work(connection)
    except BaseException as error:
        if not connection.in_transaction:
            # SQLite gave up the whole transaction (disk full, I/O error): the group starts over singly.
            raise
        connection.execute("ROLLBACK TO one_write")
        connection.execute("RELEASE one_write")
        return partial(write.done.set_exception, error)
    connection.execute("RELEASE one_write")
    return partial(write.done.set_result, result)
