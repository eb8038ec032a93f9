"""The access file as it is now: read again when it changes, kept as it was when the new version is wrong."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from calypso_mcp.domain.access import AccessGrant
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.access.access_file import AccessList, load

_log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int, int] | None


class WatchedAccessFile:
    """Loads the access file now and whenever it or a key file it names has changed.

    The check costs one `stat` per file and request. A version that is wrong, or a file that has gone, is
    logged once and changes nothing: a slip of the pen must not lock everybody out, and a wrong file must
    not let anybody in.

    Raises:
        ConfigError: The first version is wrong.
    """

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = environ
        self._current: AccessList = load(path, environ)
        self._stamps = self._read_stamps()

    def current(self) -> AccessList:
        """Return the newest version that is right."""
        stamps = self._read_stamps()
        if stamps == self._stamps:
            return self._current
        # Taken before loading, so that a change during the load is seen by the next call.
        self._stamps = stamps
        try:
            loaded = load(self._path, self._environ)
        except ConfigError as error:
            _log.error("The access file changed and is wrong; the version before stays in force: %s", error)
            return self._current
        if loaded.key_files != self._current.key_files:
            self._stamps = (stamps[0], *map(_stamp, loaded.key_files))
        self._current = loaded
        _log.warning("The access file changed: %d agents are in force.", len(loaded.grants))
        return loaded

    def grant(self, name: str) -> AccessGrant | None:
        """Return what the agent called `name` may do now; None when there is none (any more)."""
        return self.current().grants.get(name)

    def key(self, reference: str) -> SecretStr | None:
        """Return the API key that `reference` stands for now."""
        return self.current().keys.get(reference)

    def _read_stamps(self) -> tuple[_Stamp, ...]:
        key_files = self._current.key_files
        return tuple(_stamp(path) for path in (self._path, *key_files))


def _stamp(path: Path) -> _Stamp:
    try:
        status = os.stat(path)  # noqa: PTH116 - the cheapest call, once per request
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
