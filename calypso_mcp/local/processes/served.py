"""The address of the backend that serves a data folder, announced to other processes while it lives."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from calypso_mcp.local.processes.file_locks import try_lock
from calypso_mcp.regular_files import open_regular_file, read_regular_file

_ADDRESS_FILE = "backend.json"
_LOCK_FILE = "backend.lock"
_MOST_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Served:
    """A backend on a port: `http://host:port` from this machine, and the id of this start of the process."""

    origin: str
    run: str = field(default_factory=lambda: secrets.token_hex(8))


@contextmanager
def announced(folder: Path, served: Served) -> Generator[None]:
    """Announce the backend of a data folder while the block lasts.

    A backend that was announced earlier stays announced.

    Raises:
        OSError: The folder cannot be written to.
    """
    lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not try_lock(lock):
            yield
            return
        path = folder / _ADDRESS_FILE
        draft = folder / f"{_ADDRESS_FILE}.{served.run}"
        draft.write_text(json.dumps(asdict(served)), encoding="utf-8")
        draft.replace(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def look_up(folder: Path) -> Served | None:
    """Return the backend that serves a data folder; None if none does."""
    try:
        served = Served(**json.loads(read_regular_file(folder / _ADDRESS_FILE, _MOST_BYTES)))
        lock = open_regular_file(str(folder / _LOCK_FILE), os.O_RDWR)
    except (OSError, ValueError, TypeError):
        return None
    try:
        # A free lock: the process was killed before it could remove its address.
        return None if try_lock(lock) else served
    finally:
        os.close(lock)
