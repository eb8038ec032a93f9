"""Opening SQLite files so that concurrent processes wait for each other instead of failing.

The tables of a file are numbered steps, each recorded in the file when it is taken.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

from calypso_mcp.domain.unicode_forms import normalize
from calypso_mcp.errors import ConfigError
from calypso_mcp.sqlite.faults import is_busy

T = TypeVar("T")

#: Short, because SQLite polls ever more slowly within one wait: waiting again polls quickly again.
_BUSY_TIMEOUT_S: Final = 0.25
#: How long to wait for other connections, in seconds.
PATIENCE_S: Final = 120.0
_LONGEST_PAUSE_S: Final = 0.05
_making: Final = Lock()
#: Name and script of each step, which may call `nfc`. Append only: a step that was released never changes.
Migrations = Sequence[tuple[str, str]]

_RECORD = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""


class KeepingConnection(sqlite3.Connection):
    """A connection with room for what was derived from the file and is worth keeping while it is open.

    It is `kept` by its name; for one thread at a time, like the connection.
    """

    #: Where SQLite takes a file for unchanging: the file, and when it was written last, in nanoseconds.
    fixed: tuple[Path, int] | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.kept: dict[str, object] = {}

    def is_current(self) -> bool:
        """Whether the file is what SQLite takes it for. Blocks for two looks at the disk."""
        if self.fixed is None:
            return True
        path, written_at = self.fixed
        return path.stat().st_mtime_ns == written_at and not log_of(path).exists()


def open_private(path: Path | None, *, is_durable: bool = True) -> KeepingConnection:
    """Connect to the file, which is created for its owner only where it does not exist; None: in memory.

    SQLite gives the files beside it the same permissions. What is not `is_durable` does not wait for the disk
    at a commit: a power cut (not a crash) may undo it.

    Raises:
        sqlite3.Error: The file cannot be used.
        OSError: The file or its folder cannot be created.
    """
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An existing file is not opened: closing it would end every lock that SQLite holds on it for this
        # process (POSIX locks belong to a process), and other processes would remove its log while it is in
        # use. For the same reason one thread at a time: another could have the new file in use already.
        with _making, contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    return connect(path, is_durable=is_durable)


def connect(path: Path | None, *, is_durable: bool = True) -> KeepingConnection:
    """Return a connection in WAL mode that commits only when told to. It never creates the file.

    Raises:
        sqlite3.Error: The file does not exist or cannot be used.
        OSError: The file does not exist, in a folder that cannot be written to.
    """
    # By default SQLite would replace a file that vanished with an empty one that others may read.
    address, fixed = ":memory:" if path is None else f"{path.absolute().as_uri()}?mode=rw", None
    if path is not None and is_read_only(path.parent) and not log_of(path).exists():
        # SQLite makes files beside one that may change, and cannot here.
        address, fixed = f"{path.absolute().as_uri()}?mode=ro&immutable=1", (path, path.stat().st_mtime_ns)
    connection = sqlite3.connect(
        address,
        uri=path is not None,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_TIMEOUT_S,
        factory=KeepingConnection,
    )
    connection.fixed = fixed
    try:
        connection.row_factory = sqlite3.Row
        # The change to WAL does not wait for other processes by itself.
        until_free(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone())
        until_free(lambda: connection.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}"))
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_size_limit=67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def log_of(path: Path) -> Path:
    """Return where SQLite keeps what was written to `path` last."""
    return path.with_name(f"{path.name}-wal")


def is_read_only(folder: Path) -> bool:
    """Whether the folder exists and nothing can be written into it."""
    return folder.is_dir() and not os.access(folder, os.W_OK)


def until_free(attempt: Callable[[], T], *, patience_s: float = PATIENCE_S) -> T:
    """Return what `attempt` returns, repeating it while another connection holds the lock.

    Raises:
        sqlite3.OperationalError: Any other failure, or the lock was held for all that time.
    """
    deadline = time.monotonic() + patience_s
    pause_s = 0.001
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, *, patience_s: float = PATIENCE_S) -> Generator[None]:
    """Commit the block as a whole, or undo it. No other connection writes meanwhile.

    Raises:
        sqlite3.Error: The lock was not free in time, or SQLite failed.
    """
    until_free(lambda: connection.execute("BEGIN IMMEDIATE"), patience_s=patience_s)
    try:
        yield
        until_free(lambda: connection.execute("COMMIT"), patience_s=patience_s)
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """End the transaction, if SQLite has not given it up by itself (disk full, I/O error)."""
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def migrate(
    connection: sqlite3.Connection, migrations: Migrations, *, patience_s: float = PATIENCE_S
) -> None:
    """Take the steps that the file has not seen, all or none.

    Raises:
        ConfigError: The file was made by a newer version.
    """
    if count_applied(connection, migrations) == len(migrations):
        return
    connection.create_function("nfc", 1, partial(normalize, "NFC"), deterministic=True)
    with transaction(connection, patience_s=patience_s):
        connection.execute(_RECORD)
        # Read again: another process may have migrated while this one waited for the lock.
        seen = count_applied(connection, migrations)
        for number, (name, script) in enumerate(migrations, start=1):
            if number > seen:
                for statement in split_script(script):
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations (number, name) VALUES (?, ?)", (number, name))


def count_applied(connection: sqlite3.Connection, migrations: Migrations) -> int:
    """Return the number of the last step that the file has seen.

    Raises:
        ConfigError: It has seen more than this version knows.
    """
    found = until_free(
        lambda: connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone()
    )
    if found is None:
        return 0
    last = int(connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0])
    if last > len(migrations):
        raise ConfigError(
            "The data folder was made by a newer version of calypso-mcp.",
            hint="Update calypso-mcp, or choose another data folder (--data-dir, CALYPSO_DATA_DIR).",
        )
    return last


def split_script(script: str) -> Iterator[str]:
    """Yield the statements of `script`. `executescript` would commit before the first."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(";\n "):
                yield statement
            statement = ""
