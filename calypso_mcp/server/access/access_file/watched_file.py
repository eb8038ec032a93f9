"""Reads the access file again when it changes. After an invalid change, the previous version stays."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from calypso_mcp.domain.callers.access import AccessGrant
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.access.access_file.access_file import AccessList, load

_log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int, int] | None


class WatchedAccessFile:
    """Loads the access file now and whenever it or a key file it names has changed.

    The check costs one `stat` per file and request. A version that is wrong, or a file that has gone, is
    logged once and changes nothing: a typing error must not lock everyone out, and a wrong file must not
    let anyone in.

    Raises:
        ConfigError: The first version is wrong.
    """

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = environ
        #: What is wrong with the file as it is now; None if it is in force.
        self._complaint: str | None = None
        self._current, self._stamps = self._load(())

    def current(self) -> AccessList:
        """Return the newest version that is right."""
        if self._read_stamps(self._current.key_files) == self._stamps:
            return self._current
        try:
            self._current, self._stamps = self._load(self._current.key_files)
        except ConfigError as error:
            # Loaded again by the next call: perhaps only a key file is missing that is still to come.
            if str(error) != self._complaint:
                self._complaint = str(error)
                _log.error(
                    "The access file changed but is invalid; the previous version stays in force: %s", error
                )
        else:
            self._complaint = None
            _log.warning("The access file changed: %d agents are in force.", len(self._current.grants))
        return self._current

    def grant(self, name: str) -> AccessGrant | None:
        """Return what the agent called `name` may do now; None if the file does not name it (any more)."""
        return self.current().grants.get(name)

    def agents(self) -> frozenset[str]:
        """Return the Calypso agents that any grant names now."""
        limits = [grant.limit for grant in self.current().grants.values()]
        return frozenset(name for limit in limits if limit for name in limit.agents)

    def key(self, reference: str) -> SecretStr | None:
        """Return the API key that `reference` stands for now."""
        return self.current().keys.get(reference)

    def _load(self, key_files: tuple[Path, ...]) -> tuple[AccessList, tuple[_Stamp, ...]]:
        """Return the file's version, and stamps from before it was read: a change meanwhile is seen later.

        If it names other `key_files` than expected, it is read once more.
        """
        while True:
            stamps = self._read_stamps(key_files)
            loaded = load(self._path, self._environ)
            if loaded.key_files == key_files:
                return loaded, stamps
            key_files = loaded.key_files

    def _read_stamps(self, key_files: tuple[Path, ...]) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in (self._path, *key_files))


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
