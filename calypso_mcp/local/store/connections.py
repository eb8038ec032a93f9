"""Opening SQLite so that concurrent processes wait for each other instead of failing."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TypeVar

from calypso_mcp.errors import ConfigError

T = TypeVar("T")

#: Below this SQLite has no RETURNING.
_OLDEST_SQLITE = (3, 35, 0)
#: Short, because SQLite polls ever more slowly within one wait: waiting again polls quickly again.
_BUSY_TIMEOUT_MS = 250
_GIVE_UP_AFTER_S = 120.0
_making = Lock()


def probe() -> None:
    """Check that this Python's SQLite can do what the backend needs.

    Raises:
        ConfigError: It is too old or was built without full-text search.
    """
    hint = "Use a Python from python.org, uv or a current distribution; they bring a full SQLite."
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise ConfigError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed.", hint=hint)
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
    except sqlite3.OperationalError as error:
        raise ConfigError("This Python's SQLite lacks FTS5, its full-text search.", hint=hint) from error
    finally:
        connection.close()


def make_private(path: Path) -> None:
    """Make an empty store that only its owner can read; SQLite gives its other files the same permissions.

    One that exists is not opened: closing it would end the locks that SQLite holds on it for this process.
    Where it cannot be made, opening it says why.
    """
    # Else another thread could have the new file in use before it is closed here.
    with _making, contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection in WAL mode that commits only when told to."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=_BUSY_TIMEOUT_MS / 1000
    )
    try:
        connection.row_factory = sqlite3.Row
        # The change to WAL does not wait for other processes by itself.
        until_free(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone())
        until_free(lambda: connection.execute("PRAGMA synchronous=FULL"))
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_size_limit=67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def until_free(attempt: Callable[[], T]) -> T:
    """Return what `attempt` returns, repeating it while another process holds the lock.

    Raises:
        sqlite3.OperationalError: Any other failure, or a lock held for two minutes.
    """
    deadline = time.monotonic() + _GIVE_UP_AFTER_S
    pause_s = 0.001
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.05)


def roll_back(connection: sqlite3.Connection) -> None:
    """End the transaction, if SQLite has not given it up by itself (disk full, I/O error)."""
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection's lock is all that is wrong."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
