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
