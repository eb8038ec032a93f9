"""The one thread of this process that writes: queued writes are committed in groups.

Each write runs in a savepoint, so that one that fails takes nothing else with it, and all writes waiting
at the same moment share one transaction and therefore one fsync.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from calypso_mcp.sqlite.connections import roll_back, until_free

_LARGEST_GROUP = 64


@dataclass(frozen=True, slots=True)
class Write:
    """One queued write. `work` may run more than once; only its last run is committed."""

    work: Callable[[sqlite3.Connection], Any]
    durable: bool
    #: Runs outside any transaction (checkpoints).
    alone: bool = False
    done: Future[Any] = field(default_factory=Future[Any])


#: Tells the caller that waits for a write how it ended.
_Delivery = Callable[[], None]


class Writer:
    """Owns the writing connection and the thread that uses it."""

    def __init__(self, open_connection: Callable[[], sqlite3.Connection]) -> None:
        self._open_connection = open_connection
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._closed = False
        #: Held to queue something: nothing may follow the end of the queue, where nothing would answer it.
        self._queueing = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the connection and begin to work the queue. Blocks."""
        self._thread = threading.Thread(
            target=self._run, args=(self._open_connection(),), name="calypso-writer", daemon=True
        )
        self._thread.start()

    def submit(self, write: Write) -> Future[Any]:
        """Queue `write`; its future is done once it is committed.

        Raises:
            RuntimeError: The writer is closed.
        """
        with self._queueing:
            if self._closed:
                raise RuntimeError("the store is closed")
            self._queue.put(write)
        return write.done

    def close(self) -> None:
        """Finish what is queued, then close the connection. Blocks."""
        with self._queueing:
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self, connection: sqlite3.Connection) -> None:
        try:
            while (first := self._queue.get()) is not None:
                group, last = self._gather(first)
                running = [write for write in group if write.done.set_running_or_notify_cancel()]
                _carry_out(connection, running)
                if last:
                    return
        finally:
            connection.close()

    def _gather(self, first: Write) -> tuple[list[Write], bool]:
        """Return what is queued right now and whether the queue has ended."""
        group = [first]
        while len(group) < _LARGEST_GROUP:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                return group, True
            group.append(following)
        return group, False


def _carry_out(connection: sqlite3.Connection, group: Sequence[Write]) -> None:
    together = [write for write in group if not write.alone]
    for deliver in _commit_or_split(connection, together) if together else ():
        deliver()
    for write in group:
        if write.alone:
            _run_alone(connection, write)


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


def _run_alone(connection: sqlite3.Connection, write: Write) -> None:
    try:
        write.done.set_result(write.work(connection))
    except BaseException as error:  # noqa: BLE001 - as above
        write.done.set_exception(error)
