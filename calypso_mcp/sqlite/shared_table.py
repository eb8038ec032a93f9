"""A table that the workers of one data folder share, used from the event loop without blocking it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from calypso_mcp.errors import CalypsoError
from calypso_mcp.sqlite.shared_file import SharedFile

if TYPE_CHECKING:
    import sqlite3

    from calypso_mcp.sqlite.migrations import Migrations

T = TypeVar("T")

_PATIENCE_S = 20.0


class SharedTable:
    """One small SQLite file; made when first used, for this user only.

    Args:
        path: The file that workers share; None: a table in the memory of this process.
        migrations: Its tables.
        records: What it records, as an error names it: "The record of {records} cannot be used".
        code: Code of that error.
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

        from calypso_mcp.sqlite.faults import is_busy

        try:
            return await to_thread.run_sync(partial(self._file.run, work, writes=writes))
        except (sqlite3.Error, OSError) as error:
            raise CalypsoError(
                f"The record of {self._records} cannot be used: {error}.",
                code=self._code,
                hint="Call again in a while."
                if is_busy(error)
                else f"The operator must repair {self._filename} in the data folder, or delete it and "
                f"restart the server.",
                retryable=is_busy(error),
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()
