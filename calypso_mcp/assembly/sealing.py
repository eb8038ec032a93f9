"""The secret that all workers seal with: the operator's, or one that is kept in their data folder."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from calypso_mcp.assembly.kept_secret import kept_secret
from calypso_mcp.errors import ConfigError
from calypso_mcp.settings import Settings

T = TypeVar("T")

_log = logging.getLogger(__name__)

_FILE: Final = "sealing-secret"
_BYTES: Final = 32


def shared_or_own(settings: Settings, works: str, make: Callable[[bytes, Path | None], T]) -> T:
    """Return what `make` makes of the secret and the data folder, for all workers that have them.

    Where the folder cannot be used, it is made of no folder, and of a secret that only this process has,
    unless the operator gave one.

    Args:
        settings: The operator's.
        works: What then works in this process only, as the log line begins.
        make: Makes it; may fail with OSError or ValueError where there is a folder.
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
