"""The secret that all workers on one data folder seal with, also after a restart."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from calypso_mcp.assembly.kept_secret import kept_secret
from calypso_mcp.errors import ConfigError

T = TypeVar("T")

_log = logging.getLogger(__name__)

_FILE: Final = "sealing-secret"
_BYTES: Final = 32


def shared_or_own(data_dir: Path, works: str, make: Callable[[bytes, Path | None], T]) -> T:
    """Return what `make` makes of the kept secret and the folder, for all workers on it.

    Where the folder cannot be used, it is made of a secret that only this process has, and no folder.

    Args:
        data_dir: The folder.
        works: What then works in this process only, as the log line begins.
        make: Makes it; may fail with OSError or ValueError where there is a folder.
    """
    try:
        return make(_kept(data_dir), data_dir)
    except (ConfigError, OSError, ValueError) as error:
        _log.warning(
            "%s in this process only: %s cannot be used (%s).", works, data_dir, type(error).__name__
        )
        return make(secrets.token_bytes(_BYTES), None)


def _kept(data_dir: Path) -> bytes:
    secret = bytes.fromhex(kept_secret(data_dir / _FILE, lambda: secrets.token_hex(_BYTES)))
    # Whoever guesses the secret can make what is sealed with it.
    if len(secret) != _BYTES:
        raise ValueError("the kept secret is not whole")
    return secret
