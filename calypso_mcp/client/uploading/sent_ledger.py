"""The memory of sent files in one SQLite file, for every client and process of one user.

It holds hashes of names and contents, ids of the API and no more: no key, address, path or content, except
for the readable end of a path inside a `client_file_id`. Losing it loses no file: the API still recognises
what is repeated exactly.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

import anyio.to_thread

from calypso_mcp.client.uploading.sent_files import SentFile
from calypso_mcp.domain.declaration import content_digest

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

_log = logging.getLogger(__name__)

_VERSION: Final = 2
#: Columns after the number and the key of a row.
_TABLES: Final = {
    "sent": "file_id TEXT, task_id TEXT, batch_id TEXT, client_file_id TEXT",
    "opened": "batch_id TEXT",
    "latest": "content_hash TEXT",
}
#: Rows kept in a table, about 300 bytes each; the oldest go first.
_MOST_ROWS: Final = 500_000
#: How long to wait for the writes of other processes, in seconds. All of them are short, but on a slow
#: machine many may come first; what is not noted may be sent once more.
_PATIENCE_S: Final = 20.0
#: How long to wait inside SQLite, which asks ever more rarely within one wait, and so comes last.
_BUSY_S: Final = 0.25
_PAUSE_S: Final = 0.005
_VALUES_PER_QUERY: Final = 500
_MEMORY: Final = ":memory:"
_making: Final = Lock()


class LedgerFile:
    """The SQLite file; opened when first used. Safe to use from several threads.

    Where the file cannot be used (read-only, full, damaged, from a newer version) that is logged once, and
    the memory lasts as long as the process.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; its folder is made when it is first written."""
        self._path = path
        self._turn = Lock()
        self._connection: sqlite3.Connection | None = None

    def run(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Return what `work` returns, in one transaction; `otherwise` where nothing can be kept. Blocks."""
        import sqlite3

        with self._turn:
            deadline = time.monotonic() + _PATIENCE_S
            while True:
                try:
                    return self._attempt(work)
                except (sqlite3.Error, OSError) as error:
                    if not _is_busy(error):
                        self._use_memory(error)
                        return self._attempt(work)
                if time.monotonic() > deadline:
                    _log.info("The memory of sent files is busy; going on without it")
                    return otherwise
                # Not every lock is waited for inside SQLite: the change to WAL is not.
                time.sleep(_PAUSE_S)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._turn:
            self._drop()

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = _connect(self._path)
        with self._connection:
            return work(self._connection)

    def _use_memory(self, error: Exception) -> None:
        _log.warning(
            "The memory of sent files in %s cannot be used (%s: %s). Until the next start, files sent before "
            "may be sent again when others of their folder have changed.",
            self._path,
            type(error).__name__,
            error,
        )
        self._drop()
        self._connection = _connect(None)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SentLedger:
    """The part of a ledger file that belongs to one account."""

    def __init__(self, file: LedgerFile, account: str) -> None:
        """Use `file` for one account.

        Args:
            file: Shared with other accounts; closed by whoever made it.
            account: What tells accounts apart, see `account_of`. Never stored as such.
        """
        self._file = file
        self._account = account

    async def find(self, keys: Collection[str]) -> dict[str, SentFile]:
        """See `SentFiles.find`."""
        rows = await self._select("SELECT key, file_id, task_id, batch_id, client_file_id FROM sent", keys)
        return {key: SentFile(*fields) for key, fields in rows.items()}

    async def note(self, files: Mapping[str, SentFile]) -> None:
        """See `SentFiles.note`."""
        rows = [
            (self._own(key), file.file_id, file.task_id, file.batch_id, file.client_file_id)
            for key, file in files.items()
        ]
        await self._write(
            "INSERT INTO sent (key, file_id, task_id, batch_id, client_file_id) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET file_id = excluded.file_id, task_id = excluded.task_id, "
            "batch_id = excluded.batch_id, client_file_id = excluded.client_file_id "
            "WHERE excluded.file_id IS NOT NULL OR sent.batch_id IS NOT excluded.batch_id",
            rows,
        )

    async def opened(self, batch_keys: Collection[str]) -> dict[str, str]:
        """See `SentFiles.opened`."""
        rows = await self._select("SELECT key, batch_id FROM opened", batch_keys)
        return {key: batch_id for key, (batch_id,) in rows.items() if batch_id}

    async def note_opened(self, batch_key: str, batch_id: str) -> None:
        """See `SentFiles.note_opened`."""
        await self._write(
            "INSERT INTO opened (key, batch_id) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET batch_id = excluded.batch_id",
            [(self._own(batch_key), batch_id)],
        )

    async def changed(self, contents: Mapping[str, str]) -> set[str]:
        """See `SentFiles.changed`."""
        before = await self._select("SELECT key, content_hash FROM latest", contents)
        known = {place: old for place, (old,) in before.items()}
        await self._write(
            "INSERT INTO latest (key, content_hash) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET content_hash = excluded.content_hash",
            [(self._own(place), now) for place, now in contents.items() if known.get(place) != now],
        )
        return {place for place, old in known.items() if contents[place] != old}

    async def _select(self, statement: str, keys: Collection[str]) -> dict[str, tuple[str | None, ...]]:
        """Return the rows with one of `keys` in their first column, `key`, without that column."""
        if not keys:
            return {}
        keys_by_own = {self._own(key): key for key in keys}

        def work(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
            rows: list[tuple[str, ...]] = []
            for part in _parts(list(keys_by_own)):
                marks = ",".join("?" * len(part))
                rows += connection.execute(f"{statement} WHERE key IN ({marks})", part)
            return rows

        found = await anyio.to_thread.run_sync(self._file.run, work, list[tuple[str, ...]]())
        return {keys_by_own[own]: tuple(fields) for own, *fields in found}

    async def _write(self, statement: str, rows: Sequence[tuple[str | None, ...]]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(statement, rows)

        if rows:
            await anyio.to_thread.run_sync(self._file.run, work, None)

    def _own(self, key: str) -> str:
        return content_digest(self._account, key)


def account_of(base_url: str, api_key: str) -> str:
    """Return what tells the files of one key at one API from others, without giving the key away."""
    return content_digest("account", base_url, api_key)


def _connect(path: Path | None) -> sqlite3.Connection:
    """Open the file and make its tables.

    Args:
        path: Where; None for a database in memory.

    Raises:
        sqlite3.Error: It cannot be used.
        OSError: It cannot be made.
    """
    import sqlite3

    if path is not None:
        _make_file(path)
    connection = sqlite3.connect(path or _MEMORY, timeout=_BUSY_S, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _make_tables(connection)
        _forget_oldest(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_file(path: Path) -> None:
    """Make an empty file for its owner only; SQLite gives the files beside it the same permissions.

    One that exists is not opened: closing it would end every lock that SQLite holds on it for this process
    (POSIX locks belong to a process), and other processes would remove its log while it is in use.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Else another thread could have the new file in use before it is closed here.
    with _making, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _make_tables(connection: sqlite3.Connection) -> None:
    import sqlite3

    if _version_of(connection) < _VERSION:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            # Read again: another process may have made them while this one waited for the lock.
            if _version_of(connection) < _VERSION:
                # An older memory speaks of hashes that are not made any more.
                connection.execute("DROP TABLE IF EXISTS latest")
                for table, columns in _TABLES.items():
                    connection.execute(
                        f"CREATE TABLE IF NOT EXISTS {table} "
                        f"(number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, {columns})"
                    )
                connection.execute(f"PRAGMA user_version = {_VERSION}")
    if _version_of(connection) > _VERSION:
        raise sqlite3.NotSupportedError("a newer version has written it")


def _version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version


def _forget_oldest(connection: sqlite3.Connection) -> None:
    with connection:
        for table in _TABLES:
            (newest,) = connection.execute(f"SELECT max(number) FROM {table}").fetchone()  # noqa: S608 - ours
            if newest is not None and newest > _MOST_ROWS:
                connection.execute(
                    f"DELETE FROM {table} WHERE number <= ?",  # noqa: S608 - ours
                    (newest - _MOST_ROWS,),
                )


def _is_busy(error: Exception) -> bool:
    import sqlite3

    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _VALUES_PER_QUERY):
        yield values[start : start + _VALUES_PER_QUERY]
