"""The record of sent files in one SQLite file, for every client and process of one user.

It holds only hashes of names and contents, and ids of the API: no key, address, path or content, except
for the readable end of a path inside a `client_file_id`. Losing it loses no file: the API still recognises
what is repeated exactly.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

import anyio.to_thread

from calypso_mcp.client.uploading.sent_files import SentFiles
from calypso_mcp.domain.states.file_state import FileState
from calypso_mcp.domain.uploads.declaration import content_digest
from calypso_mcp.errors import ConfigError

if TYPE_CHECKING:
    import sqlite3

    from calypso_mcp.sqlite.shared_file import SharedFile

T = TypeVar("T")

_log = logging.getLogger(__name__)

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
_VALUES_PER_QUERY: Final = 500
_MIGRATIONS: Final = (
    (
        "sent files",
        "".join(
            f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, {columns});"
            for table, columns in _TABLES.items()
        ),
    ),
)
#: Keys of the batches that are sent at the same time; each is looked up and written several times.
_KEYS_IN_FLIGHT: Final = 1_000
_giving_up: Final = Lock()


class LedgerFile:
    """The SQLite file; opened when first used. Safe to use from several threads.

    A file that cannot be used (read-only, damaged, from a newer version) is reported once, and the
    memory lasts as long as the process.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; it and its folder are made when first used."""
        self._path = path
        self._file: SharedFile | None = None

    def run(self, work: Callable[[sqlite3.Connection], T], otherwise: T, *, writes: bool = True) -> T:
        """Return what `work` returns; `otherwise` while the file is busy or its disk is full. Blocks."""
        import sqlite3

        from calypso_mcp.sqlite.faults import is_passing

        file = self._file = self._file or _open(self._path)
        try:
            return file.run(work, writes=writes)
        except (sqlite3.Error, OSError, ConfigError) as error:
            if is_passing(error):
                _log.info("The record of sent files is busy, or its disk is full; continuing without it")
                return otherwise
            self._use_memory(file, error)
        return self._file.run(work, writes=writes)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _use_memory(self, failed: SharedFile, error: Exception) -> None:
        with _giving_up:
            if self._file is not failed:
                return  # another thread was faster
            _log.warning(
                "The record of sent files in %s cannot be used (%s: %s). Until the next start, "
                "unchanged files may be sent again when others in their folder change.",
                self._path,
                type(error).__name__,
                error,
            )
            failed.close()
            self._file = _open(None)


class SentLedger(SentFiles):
    """The part of a ledger file that belongs to one account."""

    def __init__(self, file: LedgerFile, account: str) -> None:
        """Use a file, closed by its maker, for one account (see `account_of`): only its hashes are stored."""
        self._file = file
        self._account = account

    async def find(self, keys: Collection[str]) -> dict[str, FileState]:
        """See `SentFiles.find`."""
        rows = await self._select("SELECT key, file_id, task_id, batch_id, client_file_id FROM sent", keys)
        return {
            key: FileState(file_id=file_id, task_id=task_id, batch_id=batch_id, client_file_id=client_file_id)
            for key, (file_id, task_id, batch_id, client_file_id) in rows.items()
        }

    async def note(self, files: Mapping[str, FileState]) -> None:
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

        read = partial(self._file.run, work, list[tuple[str, ...]](), writes=False)
        found = await anyio.to_thread.run_sync(read)
        return {keys_by_own[own]: tuple(fields) for own, *fields in found}

    async def _write(self, statement: str, rows: Sequence[tuple[str | None, ...]]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(statement, rows)

        if rows:
            await anyio.to_thread.run_sync(self._file.run, work, None)

    def _own(self, key: str) -> str:
        return _stored_key(self._account, key)


@lru_cache(_KEYS_IN_FLIGHT)
def _stored_key(account: str, key: str) -> str:
    return content_digest(account, key)


def account_of(base_url: str, api_key: str) -> str:
    """Return a digest of one key at one API, which does not give the key away."""
    return content_digest("account", base_url, api_key)


def _open(path: Path | None) -> SharedFile:
    """Return the file, or a memory of this process only."""
    from calypso_mcp.sqlite.shared_file import SharedFile

    return SharedFile(path, _MIGRATIONS, patience_s=_PATIENCE_S, when_opened=_forget_oldest)


def _forget_oldest(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(
            f"DELETE FROM {table} WHERE number <= (SELECT max(number) - ? FROM {table})",  # noqa: S608 - ours
            (_MOST_ROWS,),
        )


def _parts(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _VALUES_PER_QUERY):
        yield values[start : start + _VALUES_PER_QUERY]
