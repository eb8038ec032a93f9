"""Conversation ids that every worker on one data folder can continue, also after a restart."""

from __future__ import annotations

import logging
import secrets
from typing import Final

from calypso_mcp.assembly.kept_secret import kept_secret
from calypso_mcp.errors import ConfigError
from calypso_mcp.server.conversations import Conversations
from calypso_mcp.settings import Settings

_log = logging.getLogger(__name__)

_SEAL_FILE: Final = "conversations.seal"
_SEAL_BYTES: Final = 32


def conversations(settings: Settings) -> Conversations:
    """Return what makes conversation ids; the data folder is not touched before the first of them.

    Where the folder cannot be written, ids are good in this process only, and that is logged.
    """

    def secret() -> bytes:
        try:
            kept = kept_secret(settings.data_dir / _SEAL_FILE, lambda: secrets.token_hex(_SEAL_BYTES))
            return bytes.fromhex(kept)
        except (ConfigError, ValueError) as error:
            _log.warning(
                "Conversations with agents can be continued in this process only: %s cannot be used (%s).",
                settings.data_dir,
                type(error).__name__,
            )
            return secrets.token_bytes(_SEAL_BYTES)

    return Conversations(secret)
