"""One connection to a small file, for all threads of a process and beside other processes.

SQLite is imported when a file is first used: a server starts without it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from calypso_mcp.errors import CalypsoError

if TYPE_CHECKING:
    import sqlite3

    from calypso_mcp.sqlite.connections import Migrations

T = TypeVar("T")

#: How long a table waits for other processes, in seconds.
_PATIENCE_S = 20.0


class SharedFile:
    """A file that is opened when first used. Safe to use from several threads, one at a time.

    It is made with its folder where it is missing; without a path, it is a database in memory. `patience_s`
    is how long to wait for the writes of other processes; `when_opened` tidies up, in its own transaction.
    """

    def __init__(
        self,
        path: Path | None,
        migrations: Migrations,
        *,
        patience_s: float,
        when_opened: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        self._path = path
        self._migrations = migrations
        self._patience_s = patience_s
        self._when_opened = when_opened
        self._turn = Lock()
        self._connection: sqlite3.Connection | None = None

    def run(self, work: Callable[[sqlite3.Connection], T], *, writes: bool = True) -> T:
        """Return what `work` returns; all it writes is kept, or nothing. Blocks.

        It may run more than once; what its last run wrote is kept. Reading does not wait for writers.

        Raises:
            sqlite3.Error: The file is busy, damaged, full or otherwise not to be used.
            OSError: It cannot be created.
            ConfigError: A newer version has made it.
        """
        import sqlite3

        from calypso_mcp.sqlite.connections import transaction, until_free
        from calypso_mcp.sqlite.faults import is_passing

        with self._turn:
            connection = self._connection = self._connection or self._open()
            try:
                if not writes:
                    return until_free(lambda: work(connection), patience_s=self._patience_s)
                with transaction(connection, patience_s=self._patience_s):
                    return work(connection)
            except sqlite3.Error as error:
                if self._path is not None and not is_passing(error):
                    self._drop()  # it would not notice that the file is repaired, or no longer read-only
                raise

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._turn:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        from calypso_mcp.sqlite.connections import migrate, open_private, transaction

        connection = open_private(self._path, is_durable=False)
        try:
            migrate(connection, self._migrations, patience_s=self._patience_s)
            if self._when_opened is not None:
                with transaction(connection, patience_s=self._patience_s):
                    self._when_opened(connection)
        except BaseException:
            connection.close()
            raise
        return connection


class SharedTable:
    """One small SQLite file, for this user only; without a path, a table in the memory of this process.

    An error says "The record of {records} cannot be used", under `code`.
    """

    def __init__(self, path: Path | None, migrations: Migrations, *, records: str, code: str) -> None:
        self._file = SharedFile(path, migrations, patience_s=_PATIENCE_S)
        self._filename = path.name if path else "the table"
        self._records = records
        self._code = code

    async def run(self, work: Callable[[sqlite3.Connection], T], *, writes: bool = True) -> T:
        """Return what `work` returns, which runs in a thread; see `SharedFile.run`.

        Raises:
            CalypsoError: The file cannot be used.
        """
        import sqlite3

        from calypso_mcp.sqlite.faults import is_full, is_passing

        try:
            return await to_thread.run_sync(partial(self._file.run, work, writes=writes))
        except (sqlite3.Error, OSError) as error:
            if is_full(error):
                hint = "The operator must make room on the disk of the data folder; then call again."
            elif is_passing(error):
                hint = "Call again in a while."
            else:
                hint = (
                    f"The operator must repair {self._filename} in the data folder, or delete it and restart "
                    "the server."
                )
            raise CalypsoError(
                f"The record of {self._records} cannot be used: {error}.",
                code=self._code,
                hint=hint,
                retryable=is_passing(error),
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()
