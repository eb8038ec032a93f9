"""Secrets that this program makes and keeps in its data folder, and the one that all workers seal with."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from calypso_mcp.errors import ConfigError
from calypso_mcp.regular_files import open_regular_file, read_regular_file
from calypso_mcp.settings import Settings

#: Far more than any secret that this program makes.
_MOST_BYTES = 4_096
T = TypeVar("T")
_log = logging.getLogger(__name__)
_FILE: Final = "sealing-secret"
_BYTES: Final = 32


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret kept at `path`; the first call makes it.

    Only its owner may read the file. Processes that start together agree on one secret.

    Raises:
        ConfigError: The data folder cannot be used, or the file is blank or damaged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists() or not path.stat().st_size:
            _make(path, make)
        kept = read_regular_file(path, _MOST_BYTES).decode().strip()
    except OSError as error:
        raise ConfigError(
            f"--data-dir (CALYPSO_DATA_DIR): cannot keep a secret in {path}: {error.strerror or error}."
        ) from None
    except UnicodeDecodeError:
        kept = ""
    if not kept:
        # An empty secret is known to everyone.
        raise ConfigError(
            f"--data-dir (CALYPSO_DATA_DIR): {path} is empty or damaged.",
            hint="Delete it; the server makes a new one.",
        )
    return kept


def _make(path: Path, make: Callable[[], str]) -> None:
    """Write the secret unless another process has done so meanwhile.

    A lock, because claiming a name only if it is free needs hard links, which FAT and exFAT lack.
    """
    # Only here: the start of a server does without the embedded backend.
    from calypso_mcp.local.processes.file_locks import try_lock

    descriptor = open_regular_file(str(path), os.O_RDWR | os.O_CREAT)
    with os.fdopen(descriptor, "r+") as file:
        try_lock(descriptor, waits=True)
        if not file.read():
            file.write(f"{make()}\n")
            file.flush()
            # Else a power cut soon after leaves the name and no secret.
            os.fsync(descriptor)


def shared_or_own(settings: Settings, works: str, make: Callable[[bytes, Path | None], T]) -> T:
    """Return what `make` makes of the shared secret and the data folder, for all workers on that folder.

    If the folder cannot be used, `make` gets no folder and, unless the operator gave a secret, one that only
    this process has.

    Args:
        settings: The operator's.
        works: Beginning of the log line: what then works in this process only.
        make: Makes it; may fail with OSError or ValueError if it gets a folder.
    """
    data_dir = settings.data_dir
    secret = settings.sealing_secret
    given = None if secret is None else secret.get_secret_value().encode()
    try:
        return make(given or _kept(data_dir), data_dir)
    except (ConfigError, OSError, ValueError) as error:
        _log.warning(
            "%s in this process only: %s cannot be used (%s).", works, data_dir, type(error).__name__
        )
        return make(given or secrets.token_bytes(_BYTES), None)


def _kept(data_dir: Path) -> bytes:
    secret = bytes.fromhex(kept_secret(data_dir / _FILE, lambda: secrets.token_hex(_BYTES)))
    # Guessing the secret is enough to forge what it seals.
    if len(secret) != _BYTES:
        raise ValueError("the kept secret is not whole")
    return secret
