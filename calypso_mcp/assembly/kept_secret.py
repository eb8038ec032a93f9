"""Secrets that this program makes for itself and keeps in its data folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from calypso_mcp.errors import ConfigError
from calypso_mcp.regular_files import open_regular_file, read_regular_file

#: Far more than any secret that this program makes.
_MOST_BYTES = 4_096


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
