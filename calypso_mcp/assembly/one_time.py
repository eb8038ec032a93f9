"""One-time upload addresses, with a secret and a memory that all workers on one data folder share."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

from calypso_mcp.assembly.access import Callers
from calypso_mcp.assembly.kept_secret import kept_secret
from calypso_mcp.errors import ConfigError
from calypso_mcp.settings import Settings

if TYPE_CHECKING:
    from calypso_mcp.server.one_time_uploads import OneTimeUploads

_log = logging.getLogger(__name__)

_SEAL_FILE = "upload-tickets.seal"
_SEAL_BYTES = 32
_LEDGER_FOLDER = "one-time-uploads"


def one_time_uploads(settings: Settings, callers: Callers) -> OneTimeUploads:
    """Return what hands out upload addresses.

    Where the data folder cannot be written, addresses work in this process only, and that is logged.
    """
    from calypso_mcp.server.access.tickets import TicketSeal
    from calypso_mcp.server.one_time_uploads import OneTimePolicy, OneTimeUploads
    from calypso_mcp.server.upload_ledger import UploadLedger

    try:
        secret = kept_secret(settings.data_dir / _SEAL_FILE, lambda: secrets.token_hex(_SEAL_BYTES))
        seal = TicketSeal(bytes.fromhex(secret))
        ledger = UploadLedger(settings.data_dir / _LEDGER_FOLDER)
    except (ConfigError, OSError, ValueError) as error:
        _log.warning(
            "One-time upload addresses work in this process only: %s cannot be used (%s).",
            settings.data_dir,
            type(error).__name__,
        )
        seal, ledger = TicketSeal(secrets.token_bytes(_SEAL_BYTES)), UploadLedger()

    def caller_key(reference: str) -> str | None:
        key = callers.key_for(reference) if reference.startswith("caller:") else None
        return None if key is None else key.get_secret_value()

    policy = OneTimePolicy(public_url=settings.public_url)
    return OneTimeUploads(seal, ledger, policy, current_grant=callers.current_grant, caller_key=caller_key)
