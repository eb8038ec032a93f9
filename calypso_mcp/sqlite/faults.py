"""Classifies faults of a SQLite file: a busy file recovers by itself; every other fault needs a person."""

from __future__ import annotations

import errno
import os
import shlex
import sqlite3
from pathlib import Path
from typing import ClassVar

from calypso_mcp.errors import CalypsoError

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: The second: there is no room for the file "-shm", which lasts while a store is open.
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
#: Pages are missing: the file was cut short.
_SHORT_READ = sqlite3.SQLITE_IOERR_SHORT_READ
#: The only error that Python's module raises on what it reads, without a code (a text that is not UTF-8).
_UNREADABLE_TEXT = "Could not decode"


class StoreFault(CalypsoError):
    """A file of the data folder can no longer be used, and only its operator can change that."""

    default_code = "store_unusable"
    #: What happened to the file at `{path}`, and what its operator can do.
    said: ClassVar[str]
    advice: ClassVar[str] = ""

    def __init__(self, path: Path) -> None:
        folder = shlex.quote(str(path.parent))
        super().__init__(self.said.format(path=path), hint=self.advice.format(folder=folder))


class StoreGone(StoreFault):
    """A file of the data folder was deleted or replaced while it was in use."""

    default_code = "store_gone"
    said = "{path} was deleted or replaced while it was in use."
    advice = "The operator must restore the data folder, or restart the server to begin with an empty one."


class StoreReadOnly(StoreFault):
    """The data folder can be read, but not written."""

    said = "{path} can be read, but not written."
    advice = "To change its buckets, the operator must give the server write access to the data folder."


class StoreUpgraded(StoreFault):
    """A newer version changed the tables of a file while this one was running."""

    said = "A newer calypso-mcp has upgraded {path}: restart every calypso-mcp that uses this folder."


class StoreDamaged(StoreFault):
    """A file of the data folder is damaged."""

    default_code = "store_damaged"
    said = "The store {path} is damaged."
    advice = (
        "The operator must stop the server and save what is left with "
        "`calypso-mcp recover --data-dir {folder}`."
    )


#: What reading or writing a file of the data folder may raise.
STORE_TROUBLE = (sqlite3.Error, OSError, StoreFault)


class FileWatch:
    """Notices that a file in use was deleted, replaced or emptied.

    SQLite notices nothing: it goes on with the file that it has open, which no other process will ever see.
    """

    def __init__(self, path: Path) -> None:
        """Remember the file that has this name now.

        Raises:
            OSError: There is none.
        """
        self._path = path
        self._opened = path.stat()

    def check(self) -> None:
        """Check that the file still has its name, and something in it. Blocks for one stat.

        Raises:
            StoreGone: It has not.
            StoreDamaged: It was emptied. To a new connection it would be busy as long as another is open.
        """
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise StoreGone(self._path) from None
        if not os.path.samestat(found, self._opened):
            raise StoreGone(self._path)
        if not found.st_size:
            raise StoreDamaged(self._path)


def is_busy(error: BaseException) -> bool:
    """Whether another connection's lock is all that is wrong; the only fault that passes by itself."""
    return _code(error) & 0xFF in _BUSY


def is_full(error: BaseException) -> bool:
    """Whether SQLite or the file system reports a full disk."""
    return _code(error) in _FULL or (isinstance(error, OSError) and error.errno in _NO_ROOM)


def is_passing(error: BaseException) -> bool:
    """Whether the fault passes without a repair of the file: another connection's lock, or a full disk."""
    return is_busy(error) or is_full(error)


def is_damaged(error: BaseException) -> bool:
    """Whether the content of the file is not what SQLite wrote."""
    code = _code(error)
    if code & 0xFF in _DAMAGED or code == _SHORT_READ:
        return True
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith(_UNREADABLE_TEXT)


def is_of_another_version(error: BaseException) -> bool:
    """Whether the tables of the file are not those that this version knows."""
    said = str(error)
    is_unknown = said.startswith("no such ") or "has no column named" in said
    return is_unknown and isinstance(error, sqlite3.OperationalError)


def is_refused(error: BaseException) -> bool:
    """Whether the file can be read, but not written."""
    return _code(error) & 0xFF == sqlite3.SQLITE_READONLY


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", None) or 0
